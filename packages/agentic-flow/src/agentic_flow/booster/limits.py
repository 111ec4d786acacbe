"""Bounds of the editing core and of its service, each with its unit and its reason."""

MAX_SOURCE_BYTES = 512 * 1024  # A file above this takes longer to parse than a caller of an instant edit will wait.
MAX_SNIPPET_BYTES = 256 * 1024  # A snippet replaces one definition.
MAX_TARGET_CHARS = 512  # A qualified name.
MAX_BODY_BYTES = 8 * 1024 * 1024  # One request, batches included.
MAX_BATCH_EDITS = 1000  # Edits in one batch request.
MAX_NESTING = 500  # Levels of syntax around a definition.
MAX_UNCHECKED_NODES = 8000  # A tree of fewer nodes cannot be deep enough to exhaust the stack.
MAX_TREE_DEPTH = 2000  # Levels inside a definition; trees are printed recursively, and 10,000 levels still fit.
MAX_CACHED_TREES = 1024  # Sources whose trees are kept; their size below is what bounds the memory.
MAX_CACHED_BYTES = 8 * 1024 * 1024  # Their text; a tree takes some fourteen times as much.
