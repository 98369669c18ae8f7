#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Declared only with _GNU_SOURCE, as in shim.h.
pid_t vfork(void);
int close_range(unsigned int first, unsigned int last, int flags);

// Only the descriptors 0, 1 and 2 of what follows reach the program; returns only if it cannot be run.
static inline void tickertape_become(const char *path, char *const arguments[], char *const environment[],
                                     const char *directory, int output) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int number = 1; number < NSIG; number++) sigaction(number, &standard, NULL);
  int nothing = open("/dev/null", O_RDONLY);
  if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0) return;
  if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) return;
  if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0) return;
  if (directory != NULL && chdir(directory) < 0) return;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execve(path, arguments, environment);
}

// Starts a program in a process group of its own, with default signals, /dev/null to read from and `output` to write to,
// and has the kernel kill it when the thread that called this ends, however that comes: posix_spawn cannot ask for that,
// and what Swift may call cannot come between fork and exec. Returns an error number, 0 if the program runs.
static inline int tickertape_start(pid_t *started, const char *path, char *const arguments[],
                                   char *const environment[], const char *directory, int output) {
  // The child shares this memory until it has become the program (vfork(2)); no handler of this process may run in it.
  volatile int failure = 0;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_t parent = getpid();
  pid_t child = vfork();
  if (child == 0) {
    // If the parent has ended before the kernel knew of the wish, nobody is there to kill this one.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && setpgid(0, 0) == 0)
      tickertape_become(path, arguments, environment, directory, output);
    failure = errno;
    _exit(127);
  }
  if (child < 0) failure = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (child > 0 && failure != 0) waitpid(child, NULL, 0);
  *started = child;
  return failure;
}
