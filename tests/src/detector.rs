//! The host's side of the libc-level detector.
