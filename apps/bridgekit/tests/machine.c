/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The machine as a program sees it, for tests: a wall's clock that jumps, and a disk that is slow or has no room.
 *
 * Loaded by LD_PRELOAD before a program of glibc. In: the environment variable MACHINE_STATE, a file that holds
 * `struct state` and that a test changes while the program runs (machine.py). Out: what the C library's own calls
 * answer. Nothing else is touched: clocks that only run stay as they are, as a real jump leaves them, and so do the
 * times that the kernel gives to files.
 *
 * A thread that waits until a time of the wall's clock, as Python's locks do where there is no sem_clockwait, waits by
 * the clock that the program sees, looked at every SLICE_NS: else a jump would not reach it. One that waits so for a
 * condition wakes up as often without a reason, which callers must bear: Python 3.7 waits so for its interpreter, and
 * recovers here from a clock that was set back, where on a real machine it may not.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000LL
#define SLICE_NS 20000000LL
#define THE_YEAR_2001_S 1000000000LL

struct state {
    volatile int64_t ahead_ns;    /* how far the wall's clock is before the machine's */
    volatile int64_t sync_ns;     /* how much longer fsync and fdatasync take; made smaller, it ends those under way */
    volatile int64_t syncs;       /* counted here: those that began and those that ended */
    volatile int64_t synced;
    volatile int32_t write_error; /* the errno with which every write fails; 0: they go through */
    volatile int32_t sync_error;  /* the same of fsync and fdatasync */
    char folder[1024];            /* which files: those in here */
};

static struct state nothing;
static struct state *state = &nothing;

__attribute__((constructor)) static void look(void) {
    const char *path = getenv("MACHINE_STATE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (found != MAP_FAILED) state = found;
    close(fd);
}

static long long in_ns(struct timespec at) { return at.tv_sec * SECOND_NS + at.tv_nsec; }

static struct timespec of_ns(long long ns) {
    return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

static long long real_ns(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
    return in_ns(now);
}

static long long seen_ns(void) { return real_ns() + state->ahead_ns; }

/* --- the wall's clock --- */

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, at);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) *at = of_ns(in_ns(*at) + state->ahead_ns);
    return failed;
}

int timespec_get(struct timespec *at, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, at) == 0 ? base : 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now = of_ns(seen_ns());
    *at = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *at) {
    time_t now = seen_ns() / SECOND_NS;
    if (at) *at = now;
    return now;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "sem_timedwait");
    for (;;) {
        long long left = in_ns(*until) - seen_ns();
        struct timespec slice = of_ns(real_ns() + (left < SLICE_NS ? left : SLICE_NS));
        if (real(semaphore, &slice) == 0) return 0;
        if (errno != ETIMEDOUT || left <= SLICE_NS) return -1;
    }
}

int pthread_cond_timedwait(pthread_cond_t *restrict told, pthread_mutex_t *restrict held,
                           const struct timespec *restrict until) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2"); /* the default is an older form */
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    if (until->tv_sec < THE_YEAR_2001_S) return real(told, held, until); /* of a clock that only runs */
    long long left = in_ns(*until) - seen_ns();
    struct timespec slice = of_ns(real_ns() + (left < SLICE_NS ? left : SLICE_NS));
    int error = real(told, held, &slice);
    return error == ETIMEDOUT && left > SLICE_NS ? 0 : error;
}

/* --- the disk --- */

static int is_ours(int fd) {
    char link[32], path[sizeof state->folder];
    if (!state->folder[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    size_t folder = strlen(state->folder);
    return length > (ssize_t)folder && !strncmp(path, state->folder, folder) && path[folder] == '/';
}

static int fails(int fd, int error) {
    if (!error || !is_ours(fd)) return 0;
    errno = error;
    return 1;
}

#define WRITES(type, name, parameters, arguments)                   \
    type name parameters {                                          \
        static type(*real) parameters;                              \
        if (!real) real = dlsym(RTLD_NEXT, #name);                  \
        return fails(fd, state->write_error) ? -1 : real arguments; \
    }

WRITES(ssize_t, write, (int fd, const void *data, size_t bytes), (fd, data, bytes))
WRITES(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
WRITES(ssize_t, pwrite, (int fd, const void *data, size_t bytes, off_t at), (fd, data, bytes, at))
WRITES(ssize_t, pwrite64, (int fd, const void *data, size_t bytes, off64_t at), (fd, data, bytes, at))
WRITES(int, fallocate, (int fd, int mode, off_t at, off_t bytes), (fd, mode, at, bytes))

static int sync_with(int (*real)(int), int fd) {
    if (fails(fd, state->sync_error)) return -1;
    if (!is_ours(fd)) return real(fd);
    __atomic_add_fetch(&state->syncs, 1, __ATOMIC_SEQ_CST);
    for (long long waited = 0; waited < state->sync_ns; waited += SLICE_NS) {
        struct timespec slice = of_ns(SLICE_NS);
        nanosleep(&slice, NULL);
    }
    int failed = real(fd);
    __atomic_add_fetch(&state->synced, 1, __ATOMIC_SEQ_CST);
    return failed;
}

#define SYNCS(name)                                \
    int name(int fd) {                             \
        static int (*real)(int);                   \
        if (!real) real = dlsym(RTLD_NEXT, #name); \
        return sync_with(real, fd);                \
    }

SYNCS(fsync)
SYNCS(fdatasync)
