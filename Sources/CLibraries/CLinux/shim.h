#pragma once
// Linux interfaces that Swift's Glibc module leaves out.
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

// The system's headers declare these only with _GNU_SOURCE, which Swift's importer does not define.
int accept4(int listener, struct sockaddr *address, socklen_t *length, int flags);
int pipe2(int descriptors[2], int flags);
