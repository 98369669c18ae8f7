import Delivery

/// Who brings frames to connections; `Fanout` does, a test listens in its place.
protocol FrameSender {
  func deliver(
    deadlineMilliseconds: Int64, nextPage: () -> [Listener]?, settled: (Listener, Ending) -> Void
  ) -> Tally
}

extension Fanout: FrameSender {}
