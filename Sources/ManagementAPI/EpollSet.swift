import CLinux
import Glibc

/// The sockets that are waited for, each under a number of its owner's.
///
/// Level-triggered: a socket that was not read empty is told again.
final class EpollSet {
  struct Event {
    let number: Int
    let isReadable: Bool
    let isWritable: Bool
  }

  let descriptor: Int32
  private var buffer = [epoll_event](repeating: epoll_event(), count: 128)

  /// Nil when the process has no descriptor left.
  init?() {
    descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  /// A socket leaves the set by being closed.
  func add(_ socket: Int32, number: Int) {
    control(EPOLL_CTL_ADD, socket: socket, number: number, events: EPOLLIN.rawValue)
  }

  func change(_ socket: Int32, number: Int, awaitsWriting: Bool) {
    control(
      EPOLL_CTL_MOD, socket: socket, number: number, events: EPOLLIN.rawValue | (awaitsWriting ? EPOLLOUT.rawValue : 0))
  }

  /// Waits until something is ready, at most so long; returns how many events there are.
  func wait(milliseconds: Int64) -> Int {
    max(0, Int(epoll_wait(descriptor, &buffer, Int32(buffer.count), Int32(clamping: milliseconds))))
  }

  /// One of the events of the last wait. A broken connection counts as readable: reading tells what happened.
  func event(_ index: Int) -> Event {
    let events = buffer[index].events
    return Event(
      number: Int(buffer[index].data.u64), isReadable: events & ~EPOLLOUT.rawValue != 0,
      isWritable: events & EPOLLOUT.rawValue != 0)
  }

  private func control(_ operation: Int32, socket: Int32, number: Int, events: UInt32) {
    var event = epoll_event(events: events, data: epoll_data(u64: UInt64(number)))
    epoll_ctl(descriptor, operation, socket, &event)
  }
}
