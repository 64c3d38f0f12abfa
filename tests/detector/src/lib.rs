//! A libc-level detector: preloaded (`LD_PRELOAD`) under a host, it records every allocation, free,
//! lock, wait, file or network access and direct system call that happens between
//! `afterimage_detector_enter` and `afterimage_detector_leave` on the thread that called them.
//!
//! One wake (a futex wake) is permitted a block and counted; clock reads are free and counted.
//! On every thread it also records sockets and files opened for writing.
//! What it cannot see: calls inside the C library itself, and locks nobody contends, since those
//! never leave the program.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod allocation;
mod files;
mod real;
mod record;
mod synchronisation;
mod system;
