import Frames
import Messaging
import Telemetry
import TestSupport
import Testing

@testable import Delivery

/// A fan-out without a network: each test says what a call is answered with, and moves the clock.
private struct Stage {
  var state: FanoutState
  var now: Int64 = 0
  var posts: [String] = []
  var failures: [Failed] = []
  struct Failed: Equatable {
    let id: String
    let reason: DeliveryFailure.Reason
    /// The frames of these tests begin with the events 1, 2, 3 and so on.
    let from: Int64
  }
  /// After so many calls nothing more is waited for.
  var patientFor = Int.max

  /// The longest delay is always drawn.
  init(
    stopAt: Int64 = 1_000_000, epoch: Int64 = 100_000, attempts: Int = 3, maximumActive: Int = 1_024, width: Int = 4
  ) {
    var options = FanoutState.Options()
    options.width = width
    options.backoff.attempts = attempts
    options.maximumActive = maximumActive
    state = FanoutState(
      options: options, randomness: Randomness { .max }, stopAtMilliseconds: stopAt, epochMilliseconds: epoch)
  }

  mutating func add(_ deliveries: PendingDelivery...) {
    state.add(deliveries)
    state.endPages()
  }

  enum Reply {
    case status(Int)
    case broken
  }

  /// Goes on to the end; `reply` is asked for each call, written as `POST a 0` or `DELETE a`.
  mutating func run(_ reply: (String, Int64) -> Reply) {
    var waiting: [(token: Int, call: String)] = []
    while true {
      switch state.next(nowMilliseconds: now, room: 64 - waiting.count) {
      case .post(let token, let id, let frame): waiting.append((token, "POST \(id) \(text(frame))"))
      case .delete(let token, let id): waiting.append((token, "DELETE \(id)"))
      case .page: Issue.record("no page is left")
      case .wait(let moment):
        guard !waiting.isEmpty else {
          #expect(moment > now && moment < .max, "waits for nothing")
          now = moment
          continue
        }
        let (token, call) = waiting.removeFirst()
        posts.append(call)
        if posts.count == patientFor { state.giveUpRest() }
        switch reply(call, now) {
        case .status(let status): state.answered(token: token, status: status, nowMilliseconds: now)
        case .broken: state.broke(token: token, reason: "broken", nowMilliseconds: now)
        }
      case .done:
        #expect(waiting.isEmpty)
        failures += state.nextFailures().map { Failed(id: $0.id.text, reason: $0.reason, from: $0.from) }
        return
      }
    }
  }
}

private func delivery(
  _ id: String, frames: Int = 1, connectedAt: Int64 = 0, isClosedAfterwards: Bool = false
) -> PendingDelivery {
  PendingDelivery(
    id: ConnectionID(id)!, connectedAtMilliseconds: connectedAt,
    frames: (0..<frames).map { OutgoingFrame(bytes: bytes("\($0)"), firstSequence: Int64($0 + 1)) },
    isClosedAfterwards: isClosedAfterwards)
}

@Suite("Deciding on each answer")
struct FanoutStateTests {
  @Test("a connection that is not to stay gets its frames, is closed, and counts as gone")
  func closedAfterwards() {
    var stage = Stage()
    stage.add(delivery("a", frames: 2, isClosedAfterwards: true), delivery("b"))
    stage.run { call, _ in .status(call.hasPrefix("DELETE") ? 204 : 200) }
    #expect(stage.posts.filter { $0.contains("a") } == ["POST a 0", "POST a 1", "DELETE a"])
    #expect(stage.failures.map(\.id) == ["a"] && stage.failures[0].reason == .gone)
    #expect(stage.state.counts.gone == 1 && stage.state.counts.deliveries == 3)
  }

  @Test(
    "of a connection that cannot be closed, whoever is told of it can look up a frame of its",
    arguments: [403, 429, 500])
  func notClosed(status: Int) {
    for patientFor in [2, Int.max] {
      var stage = Stage()
      stage.patientFor = patientFor
      stage.add(delivery("a", frames: 1, isClosedAfterwards: true))
      stage.run { call, _ in .status(call.hasPrefix("DELETE") ? status : 200) }
      #expect(stage.failures.map(\.id) == ["a"])
      #expect(
        stage.failures.allSatisfy { $0.reason != .gone && $0.from == 1 },
        "\(stage.failures)")
    }
  }

  @Test("once all are begun, who is not done when patience ends is left")
  func tailTimeout() {
    var stage = Stage()
    stage.add(delivery("a"), delivery("b"))
    #expect(!stage.state.hasBegunAll)
    stage.patientFor = 2
    stage.run { call, _ in
      call.hasSuffix("b 0") ? .status(503) : .status(200)
    }
    #expect(stage.failures.map(\.id) == ["b"] && stage.failures[0].reason == .refused(status: 503))
  }

  @Test("a post that is waited for no longer has hung; one that was not sent has not")
  func hung() {
    for isSent in [true, false] {
      var stage = Stage()
      stage.add(delivery("a", frames: 2))
      guard case .post(let token, _, _) = stage.state.next(nowMilliseconds: 0, room: 1) else {
        Issue.record("nothing to post")
        return
      }
      if isSent { stage.state.abandoned(token: token) } else { stage.state.notSent(token: token) }
      stage.state.giveUpRest()
      stage.run { _, _ in .status(200) }
      #expect(stage.failures == [Stage.Failed(id: "a", reason: isSent ? .hung : .unsent, from: 1)])
      #expect(stage.state.counts.unsent == 2)
    }
  }

  @Test("every frame is posted once, in order for each connection")
  func order() {
    var stage = Stage()
    stage.add(delivery("a", frames: 3), delivery("b", frames: 2))
    stage.run { _, _ in .status(200) }
    #expect(stage.posts.filter { $0.contains("a") } == ["POST a 0", "POST a 1", "POST a 2"])
    #expect(stage.posts.filter { $0.contains("b") } == ["POST b 0", "POST b 1"])
    #expect(stage.state.counts.deliveries == 5)
    #expect(stage.failures.isEmpty)
  }

  @Test("a gone connection is reported at its first 410 and counted once; each other listing of it is reported too")
  func gone() {
    var stage = Stage()
    stage.add(delivery("a", frames: 3), delivery("a", frames: 2), delivery("a"))
    stage.run { _, _ in .status(410) }
    #expect(stage.posts == ["POST a 0"])
    // Each may be of another stream, which would take its events for delivered.
    #expect(stage.failures.map(\.id) == ["a", "a", "a"] && stage.failures.allSatisfy { $0.reason == .gone })
    #expect(stage.state.counts.gone == 1)
    #expect(stage.state.counts.failed == 0)
  }

  @Test("a connection that was reported as gone is not posted to again when it is listed on a later page")
  func goneOnLaterPage() {
    var stage = Stage(width: 1)
    stage.state.add([delivery("a"), delivery("b")])
    stage.state.add([delivery("a")])
    stage.state.endPages()
    stage.run { call, _ in .status(call == "POST a 0" ? 410 : 200) }
    #expect(stage.posts == ["POST a 0", "POST b 0"])
    #expect(stage.failures.map(\.id) == ["a", "a"])
  }

  @Test("a young connection that answers 410 may be on its way in: it is refused at once, and not gone")
  func young() {
    for (age, reason) in [(29_999, DeliveryFailure.Reason.refused(status: 410)), (30_000, .gone)]
      as [(Int64, DeliveryFailure.Reason)]
    {
      var stage = Stage(epoch: 100_000)
      stage.add(delivery("a", frames: 2, connectedAt: 100_000 - age))
      stage.run { _, _ in .status(410) }
      #expect(stage.posts == ["POST a 0"])
      #expect(stage.failures == [Stage.Failed(id: "a", reason: reason, from: 1)])
      #expect(stage.state.counts.gone == (reason == .gone ? 1 : 0))
    }
  }

  @Test("a client whose buffer is full is refused at once; where all are throttled, it is tried again")
  func throttled() {
    var one = Stage()
    one.add(delivery("a", frames: 2), delivery("b"))
    one.run { call, _ in .status(call.contains("a") ? 429 : 200) }
    #expect(one.posts == ["POST a 0", "POST b 0"])
    #expect(one.failures == [Stage.Failed(id: "a", reason: .refused(status: 429), from: 1)])
    var all = Stage(attempts: 3)
    all.state.add((0..<40).map { delivery("c\($0)") })
    all.state.endPages()
    all.run { call, _ in .status(429) }
    // The first ten, before that was known.
    #expect(all.posts.count == 9 + 31 * 3)
  }

  @Test("a connection that is only to be closed gets nothing")
  func onlyClosed() {
    var stage = Stage()
    stage.add(delivery("a", frames: 0, isClosedAfterwards: true), delivery("b", frames: 0))
    stage.run { _, _ in .status(204) }
    #expect(stage.posts == ["DELETE a"])
    #expect(stage.failures == [Stage.Failed(id: "a", reason: .gone, from: 0)])
  }

  @Test("a DELETE that fails is retried, and leaves the rows if it goes on failing")
  func deleteFails() {
    var stage = Stage()
    stage.add(delivery("a", isClosedAfterwards: true))
    stage.run { call, _ in .status(call.hasPrefix("DELETE") ? 500 : 200) }
    #expect(stage.posts == ["POST a 0", "DELETE a", "DELETE a"])
    #expect(stage.failures.map(\.reason) == [.refused(status: 500)])
    #expect(stage.state.counts.gone == 0)
  }

  @Test("5xx and a broken connection are tried once more, then given up")
  func backoff() {
    for reply in [Stage.Reply.status(500), .status(503), .broken] {
      var stage = Stage(attempts: 4)
      stage.add(delivery("a", frames: 2))
      var times: [Int64] = []
      stage.run { _, now in
        times.append(now)
        return reply
      }
      #expect(times == [0, 100])
      #expect(stage.state.counts.retried == 1)
      #expect(stage.state.counts.failed == 2)
      #expect(stage.failures.map(\.from) == [1])
    }
  }

  @Test("a frame that is retried holds back the connection's later frames, and no other's")
  func retryKeepsOrder() {
    var stage = Stage()
    stage.add(delivery("a", frames: 2), delivery("b", frames: 2))
    stage.run { call, now in .status(call == "POST a 0" && now == 0 ? 500 : 200) }
    #expect(stage.posts == ["POST a 0", "POST b 0", "POST b 1", "POST a 0", "POST a 1"])
  }

  @Test("a waiting retry holds no slot")
  func retryHoldsNoSlot() {
    var stage = Stage(width: 1)
    stage.add(delivery("a"), delivery("b"))
    stage.run { call, now in .status(call == "POST a 0" && now == 0 ? 500 : 200) }
    #expect(stage.posts == ["POST a 0", "POST b 0", "POST a 0"])
  }

  @Test("a frame that is too large is given up, the others are delivered")
  func tooLarge() {
    var stage = Stage()
    stage.add(delivery("a", frames: 3))
    stage.run { call, _ in .status(call == "POST a 1" ? 413 : 200) }
    #expect(stage.state.counts.deliveries == 2)
    #expect(stage.state.counts.failed == 1)
    #expect(stage.failures == [Stage.Failed(id: "a", reason: .refused(status: 413), from: 2)])
  }

  @Test("another refusal gives up the listener without a retry", arguments: [400, 403, 404, 302])
  func refused(status: Int) {
    var stage = Stage()
    stage.add(delivery("a", frames: 3), delivery("b"))
    stage.run { call, _ in .status(call.contains("a") ? status : 200) }
    #expect(stage.state.counts.failed == 3)
    #expect(stage.state.counts.retried == 0)
    #expect(stage.state.counts.deliveries == 1)
    #expect(stage.failures == [Stage.Failed(id: "a", reason: .refused(status: status), from: 1)])
  }

  @Test("a connection listed twice gets its frames one after the other")
  func listedTwice() {
    var stage = Stage()
    stage.add(delivery("a", frames: 2), delivery("a", frames: 2))
    stage.run { _, _ in .status(200) }
    #expect(stage.posts == ["POST a 0", "POST a 1", "POST a 0", "POST a 1"])
  }

  @Test("at the deadline nothing is started any more and the rest is reported")
  func deadline() {
    var stage = Stage(stopAt: 50, attempts: 10)
    stage.add(delivery("a", frames: 2), delivery("b"))
    stage.run { call, _ in .status(call.contains("a") ? 500 : 200) }
    #expect(stage.posts == ["POST a 0", "POST b 0"])
    #expect(stage.failures == [Stage.Failed(id: "a", reason: .refused(status: 500), from: 1)])
    #expect(stage.state.counts.failed == 2)
    #expect(stage.now <= 50)
  }

  @Test("no further listeners are begun while too many wait for another attempt")
  func boundedActive() {
    var stage = Stage(attempts: 2, maximumActive: 3, width: 8)
    stage.state.add((0..<9).map { delivery("c\($0)") })
    stage.state.endPages()
    stage.run { _, _ in .status(500) }
    #expect(Set(stage.posts[..<6]).count == 3)
    #expect(stage.state.counts.failed == 9)
  }

  @Test("429 from a tenth of the last answers halves the width, fewer do not; it grows again")
  func width() {
    /// How many calls are on their way at once after answers of these statuses.
    func widthAfter(_ statuses: [Int]) -> Int {
      var options = FanoutState.Options()
      options.width = 64
      var state = FanoutState(
        options: options, randomness: .system, stopAtMilliseconds: .max, epochMilliseconds: 0)
      state.add((0..<5_000).map { delivery("c\($0)") })
      state.endPages()
      func post() -> Int? {
        while true {
          switch state.next(nowMilliseconds: 0, room: 64) {
          case .post(let token, _, _): return token
          default: return nil
          }
        }
      }
      for status in statuses {
        guard let token = post() else { return 0 }
        state.answered(token: token, status: status, nowMilliseconds: 0)
      }
      var count = 0
      while post() != nil { count += 1 }
      return count
    }
    let fine = [Int](repeating: 200, count: 300)
    #expect(widthAfter(fine) == 64)
    #expect(widthAfter(fine + [Int](repeating: 429, count: 9)) == 64)
    #expect(widthAfter(fine + [Int](repeating: 429, count: 10)) == 32)
    #expect(widthAfter((0..<2_000).map { $0 % 12 == 0 ? 429 : 200 }) == 64)
    #expect(widthAfter((0..<500).map { $0 % 9 == 0 ? 429 : 200 }) < 32)
    #expect(widthAfter(fine + [Int](repeating: 429, count: 10) + [Int](repeating: 200, count: 32)) == 33)
    #expect(widthAfter([Int](repeating: 429, count: 200)) == 1)
  }

  @Test("whatever the answers, every frame is delivered once and in order, or reported")
  func anyAnswers() {
    for _ in 0..<200 {
      let seed = UInt64.random(in: 1 ... .max)
      var random = SeededGenerator(seed)
      var stage = Stage(
        stopAt: Bool.random(using: &random) ? 400 : 1_000_000, attempts: 3, maximumActive: 7, width: 5)
      var listed: [String: [Int]] = [:]
      for page in 0..<4 {
        stage.state.add(
          (0..<6).map { number in
            let id = Bool.random(using: &random) ? "p\(page)n\(number)" : "twice\(number)"
            let count = Int.random(in: 0...3, using: &random)
            listed[id, default: []].append(count)
            return delivery(id, frames: count)
          })
      }
      stage.state.endPages()
      var delivered: [String: [String]] = [:]
      stage.run { call, _ in
        let status = [200, 200, 200, 410, 413, 429, 500, 403, 0].randomElement(using: &random) ?? 0
        let words = call.split(separator: " ").map(String.init)
        if words[0] == "POST", status == 200 { delivered[words[1], default: []].append(words[2]) }
        return status == 0 ? .broken : .status(status)
      }
      let reported = Set(stage.failures.map(\.id))
      for (id, counts) in listed where !reported.contains(id) {
        #expect((delivered[id] ?? []) == counts.flatMap { (0..<$0).map(String.init) }, "seed \(seed), connection \(id)")
      }
      let counts = stage.state.counts
      #expect(counts.deliveries == delivered.values.reduce(0) { $0 + $1.count }, "seed \(seed)")
      #expect(counts.gone <= stage.failures.count { $0.reason == .gone }, "seed \(seed)")
      #expect(counts.gone >= Set(stage.failures.lazy.filter { $0.reason == .gone }.map(\.id)).count, "seed \(seed)")
      if counts.gone == 0 {
        let frames = listed.values.reduce(0) { $0 + $1.reduce(0, +) }
        #expect(counts.deliveries + counts.failed + counts.unsent == frames, "seed \(seed)")
      }
    }
  }
}
