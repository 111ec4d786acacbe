;; The guard of Agent Booster: the checksum of a text outside its middle.
;;
;; The host writes a text at offset 0 and asks for the seal of its first `prefix` and last `suffix` bytes, once before
;; an edit and once after. Equal seals mean that the edit left everything outside its target as it was.
(module
  ;;IMPORTS
  (memory (export "memory") 1)

  ;; The version of this interface; the host refuses any other.
  (func (export "abi") (result i32) (i32.const 1))

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

  ;; Seal a text of `length` bytes outside its middle; a prefix or suffix beyond the text is a fault of the host.
  (func (export "seal") (param $length i32) (param $prefix i32) (param $suffix i32) (result i64)
    (if (i32.gt_u (local.get $prefix) (local.get $length)) (then unreachable))
    (if (i32.gt_u (local.get $suffix) (i32.sub (local.get $length) (local.get $prefix))) (then unreachable))
    (call $range
      (call $range (i64.const 0xcbf29ce484222325) (i32.const 0) (local.get $prefix))
      (i32.sub (local.get $length) (local.get $suffix))
      (local.get $suffix))))
