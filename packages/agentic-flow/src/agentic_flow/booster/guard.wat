;; The guard of Agent Booster: the checksum of a text outside its middle.
;;
;; The host writes a question and asks for the seal of a text's first `prefix` and last `suffix` bytes, once before an
;; edit and once after. Equal seals mean that the edit left everything outside its target as it was. Question and answer
;; lie in memory, because converting arguments costs the host more than the checksum does:
;;
;;   0 length of the text   4 prefix   8 suffix   (i32 each)   16 the seal (i64)   24 the text
(module
  ;;IMPORTS
  (memory (export "memory") 1)

  ;; The version of this interface; the host refuses any other.
  (func (export "abi") (result i32) (i32.const 2))

  ;; Mix one word into a state: xor, multiply by the FNV prime, rotate so that high bits come down again.
  (func $mix (param $state i64) (param $word i64) (result i64)
    (i64.rotl
      (i64.mul (i64.xor (local.get $state) (local.get $word)) (i64.const 0x100000001b3))
      (i64.const 29)))

  ;; Mix the bytes of one range: eight at a time, the rest one by one, then its length.
  (func $range (param $state i64) (param $at i32) (param $length i32) (result i64)
    (local $end i32)
    (local.set $end (i32.add (local.get $at) (local.get $length)))
    (block $words_done
      (loop $words
        (br_if $words_done (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (local.set $state (call $mix (local.get $state) (i64.load align=1 (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (br $words)))
    (block $bytes_done
      (loop $bytes
        (br_if $bytes_done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $state (call $mix (local.get $state) (i64.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (call $mix (local.get $state) (i64.extend_i32_u (local.get $length))))

  ;; Seal the text outside its middle; a prefix or suffix beyond the text is a fault of the host.
  (func (export "seal")
    (local $length i32) (local $prefix i32) (local $suffix i32)
    (local.set $length (i32.load (i32.const 0)))
    (local.set $prefix (i32.load (i32.const 4)))
    (local.set $suffix (i32.load (i32.const 8)))
    (if (i32.gt_u (local.get $prefix) (local.get $length)) (then unreachable))
    (if (i32.gt_u (local.get $suffix) (i32.sub (local.get $length) (local.get $prefix))) (then unreachable))
    (i64.store (i32.const 16)
      (call $range
        (call $range (i64.const 0xcbf29ce484222325) (i32.const 24) (local.get $prefix))
        (i32.sub (i32.add (i32.const 24) (local.get $length)) (local.get $suffix))
        (local.get $suffix)))))
