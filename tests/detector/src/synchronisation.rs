//! Locks, waits and sleeps.

use std::ffi::{c_int, c_uint, c_void};

use libc::{
    clockid_t, pthread_cond_t, pthread_mutex_t, pthread_rwlock_t, sem_t, timespec, timeval,
};

use crate::real::interpose;

interpose! {
    Lock: fn pthread_mutex_lock(mutex: *mut pthread_mutex_t) -> c_int;
    Lock: fn pthread_mutex_trylock(mutex: *mut pthread_mutex_t) -> c_int;
    Lock: fn pthread_mutex_timedlock(mutex: *mut pthread_mutex_t, until: *const timespec) -> c_int;
    Lock: fn pthread_mutex_unlock(mutex: *mut pthread_mutex_t) -> c_int;
    Lock: fn pthread_rwlock_rdlock(lock: *mut pthread_rwlock_t) -> c_int;
    Lock: fn pthread_rwlock_wrlock(lock: *mut pthread_rwlock_t) -> c_int;
    Lock: fn pthread_rwlock_tryrdlock(lock: *mut pthread_rwlock_t) -> c_int;
    Lock: fn pthread_rwlock_trywrlock(lock: *mut pthread_rwlock_t) -> c_int;
    Lock: fn pthread_rwlock_unlock(lock: *mut pthread_rwlock_t) -> c_int;
    Wait: fn pthread_cond_wait(condition: *mut pthread_cond_t, mutex: *mut pthread_mutex_t) -> c_int;
    Wait: fn pthread_cond_timedwait(condition: *mut pthread_cond_t, mutex: *mut pthread_mutex_t, until: *const timespec) -> c_int;
    Lock: fn pthread_cond_signal(condition: *mut pthread_cond_t) -> c_int;
    Lock: fn pthread_cond_broadcast(condition: *mut pthread_cond_t) -> c_int;
    Wait: fn pthread_join(thread: libc::pthread_t, result: *mut *mut c_void) -> c_int;
    Wait: fn sem_wait(semaphore: *mut sem_t) -> c_int;
    Wait: fn sem_trywait(semaphore: *mut sem_t) -> c_int;
    Wait: fn sem_timedwait(semaphore: *mut sem_t, until: *const timespec) -> c_int;
    Lock: fn sem_post(semaphore: *mut sem_t) -> c_int;
    Sleep: fn nanosleep(time: *const timespec, left: *mut timespec) -> c_int;
    Sleep: fn clock_nanosleep(clock: clockid_t, flags: c_int, time: *const timespec, left: *mut timespec) -> c_int;
    Sleep: fn usleep(microseconds: c_uint) -> c_int;
    Sleep: fn sleep(seconds: c_uint) -> c_uint;
    Wait: fn poll(files: *mut c_void, count: libc::nfds_t, milliseconds: c_int) -> c_int;
    Wait: fn select(count: c_int, read: *mut c_void, write: *mut c_void, error: *mut c_void, time: *mut timeval) -> c_int;
    Wait: fn epoll_wait(file: c_int, events: *mut c_void, count: c_int, milliseconds: c_int) -> c_int;
    Yield: fn sched_yield() -> c_int;
    Clock: fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int;
    Clock: fn gettimeofday(time: *mut timeval, zone: *mut c_void) -> c_int;
}
