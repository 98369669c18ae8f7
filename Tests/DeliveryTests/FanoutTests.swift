import Frames
import ManagementAPI
import Messaging
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Delivery

extension Fanout {
  /// As it is, with all that failed said at the end.
  fileprivate func deliver(
    deadlineMilliseconds: Int64, keepsOn: () -> Bool = { true }, nextPage: () -> [PendingDelivery]?,
    failed: (DeliveryFailure) -> Void
  ) -> DeliveryCounts {
    var failures: [DeliveryFailure] = []
    let result = deliver(deadlineMilliseconds: deadlineMilliseconds, keepsOn: keepsOn) {
      failures += $0
      return nextPage()
    }
    for failure in failures + result.failures { failed(failure) }
    return result.counts
  }
}

@Suite("A fan-out over real connections", .timeLimit(.minutes(10)))
struct FanoutTests {
  private func fanout(_ server: ScriptedServer) throws -> Fanout {
    var clientOptions = ManagementClient.Options()
    clientOptions.width = 8
    clientOptions.callsPerConnection = 5
    var options = Fanout.Options()
    options.state.backoff.baseMilliseconds = 1
    options.state.backoff.maximumMilliseconds = 5
    options.state.width = 8
    return Fanout(client: try ManagementClient(endpoint: server.url, options: clientOptions), options: options)
  }

  private func pages(_ count: Int, of size: Int, frames: Int = 1) -> () -> [PendingDelivery]? {
    var page = 0
    return {
      guard page < count else { return nil }
      defer { page += 1 }
      return (0..<size).map { number in
        PendingDelivery(
          id: ConnectionID("p\(page)n\(number)=")!, connectedAtMilliseconds: 0,
          frames: (0..<frames).map { OutgoingFrame(bytes: bytes("\($0)"), firstSequence: Int64($0 + 1)) })
      }
    }
  }

  private var soon: Int64 { Clock.system.milliseconds() + 30_000 }

  @Test("every listener of every page gets its frames in order")
  func everyone() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let counts = try fanout(server).deliver(
      deadlineMilliseconds: soon, nextPage: pages(7, of: 30, frames: 3),
      failed: { _ in Issue.record("all is well") })
    #expect(counts.deliveries == 630)
    let byTarget = Dictionary(grouping: server.requests, by: \.target)
    #expect(byTarget.count == 210)
    #expect(byTarget.values.allSatisfy { $0.map { text($0.body) } == ["0", "1", "2"] } as Bool)
  }

  @Test("an empty list ends at once, and pages may be empty")
  func empty() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    #expect(
      try fanout(server).deliver(deadlineMilliseconds: soon, nextPage: { nil }, failed: { _ in })
        == DeliveryCounts())
    #expect(
      try fanout(server).deliver(deadlineMilliseconds: soon, nextPage: pages(3, of: 0), failed: { _ in })
        == DeliveryCounts()
    )
  }

  @Test("pages are read as they are needed, not all at first")
  func lazyPages() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let next = pages(20, of: 20)
    var read = 0
    _ = try fanout(server).deliver(
      deadlineMilliseconds: soon,
      nextPage: {
        // Of the pages before, all but the last one and what is on its way has been posted.
        #expect(server.requests.count >= (read - 1) * 20 - 16)
        read += 1
        return next()
      }, failed: { _ in })
    #expect(read == 21)
  }

  @Test("a gone connection is reported at once, and a connection that is not to stay is closed before it is reported")
  func gone() throws {
    let server = ScriptedServer {
      $0.target.hasSuffix("n3%3D") ? [.answer(410)] : [.answer($0.method == "DELETE" ? 204 : 200)]
    }
    defer { server.stop() }
    var page: [PendingDelivery]? = ["n3=", "n4=", "n5="].map {
      PendingDelivery(
        id: ConnectionID($0)!, connectedAtMilliseconds: 0, frames: [OutgoingFrame(bytes: bytes("0"))],
        isClosedAfterwards: $0 == "n4=")
    }
    var gone: [String] = []
    let counts = try fanout(server).deliver(
      deadlineMilliseconds: soon,
      nextPage: {
        defer { page = nil }
        return page
      },
      failed: { failure in
        #expect(failure.reason == .gone)
        gone.append(failure.id.text)
      })
    #expect(gone.sorted() == ["n3=", "n4="] && counts.gone == 2 && counts.deliveries == 2)
    #expect(server.requests.filter { $0.method == "DELETE" }.map(\.target) == ["/@connections/n4%3D"])
  }

  @Test("what failed comes back once, with the next page that is asked for or with the result")
  func failuresWithPages() throws {
    let server = ScriptedServer { [.answer($0.target.contains("n1%3D") ? 403 : 200)] }
    defer { server.stop() }
    let next = pages(5, of: 40)
    var told: [[String]] = []
    let result = try fanout(server).deliver(deadlineMilliseconds: soon) {
      told.append($0.map(\.id.text))
      return next()
    }
    #expect(told.count == 6 && told[0].isEmpty && told[1...].contains { !$0.isEmpty })
    let all = told.flatMap { $0 } + result.failures.map(\.id.text)
    #expect(all == (0..<5).map { "p\($0)n1=" } && result.counts.failed == 5)
  }

  @Test("whichever call fails, and however, every frame is delivered in order", arguments: 1...20)
  func nthFails(failing: Int) throws {
    for step in [
      ScriptedServer.Step.close, .reset, .text("HTTP/1.1 20"), .answer(503), .text("\0\0\r\n\r\n"),
    ] {
      let server = ScriptedServer { $0.number == failing ? [step, .close] : [.answer(200)] }
      let counts = try fanout(server).deliver(
        deadlineMilliseconds: soon, nextPage: pages(1, of: 10, frames: 2), failed: { _ in Issue.record("given up") }
      )
      #expect(counts.deliveries == 20)
      for (target, requests) in Dictionary(grouping: server.requests, by: \.target) {
        var frames = requests.map { text($0.body) }
        // The call that failed was made once more.
        if frames.count == 3 { frames.remove(at: frames[0] == frames[1] ? 0 : 1) }
        #expect(frames == ["0", "1"], "\(target)")
      }
      server.stop()
    }
  }

  @Test("a gateway that answers nothing costs no more than the time given, and all is reported unsent")
  func silentGateway() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    var unsent = 0
    let counts = try fanout(server).deliver(
      deadlineMilliseconds: Clock.system.milliseconds() + 1_100, nextPage: pages(3, of: 10),
      failed: { failure in unsent += [.unsent, .hung].contains(failure.reason) ? 1 : 0 })
    #expect(unsent == 30)
    #expect(counts.unsent == 30)
    #expect(counts.isEveryPageRead)
    #expect(counts.deliveries == 0)
  }

  @Test("the connections serve one fan-out after the other")
  func keepsConnections() throws {
    let server = ScriptedServer { _ in [.answer(200)] }
    defer { server.stop() }
    let fanout = try fanout(server)
    for _ in 0..<5 {
      #expect(
        fanout.deliver(deadlineMilliseconds: soon, nextPage: pages(1, of: 40), failed: { _ in }).deliveries == 40)
    }
    #expect(server.connectionCount <= 8)
  }

  @Test("an endpoint that nobody answers at ends the fan-out when connecting was tried twice, not at the deadline")
  func unreachable() throws {
    let server = ScriptedServer { _ in [.silence] }
    defer { server.stop() }
    var options = ManagementClient.Options()
    options.connectMilliseconds = 100
    let fanout = Fanout(
      client: try ManagementClient(endpoint: "https://127.0.0.1:\(server.port)", options: options))
    var reasons: Set<String> = []
    let counts = fanout.deliver(
      deadlineMilliseconds: Clock.system.milliseconds() + 3_600_000, nextPage: pages(1_000, of: 500),
      failed: { failure in reasons.insert("\(failure.reason)") })
    #expect(counts.deliveries == 0 && counts.failed > 0 && !counts.isEveryPageRead)
    #expect(reasons.count == 1 && reasons.allSatisfy { $0.contains("needs a route") }, "\(reasons)")
    #expect(server.connectionCount == 2)
  }

  @Test("one slow answer holds up nobody else, though a few listeners share a connection at first")
  func oneIsSlow() throws {
    let server = ScriptedServer { $0.target.hasSuffix("n0%3D") ? [.silence] : [.answer(200)] }
    defer { server.stop() }
    var options = Fanout.Options()
    options.tailTimeout = TailTimeout()
    options.tailTimeout?.leastMilliseconds = 2_000
    options.tailTimeout?.mostMilliseconds = 2_000
    var hung: [String] = []
    let counts = try Fanout(client: ManagementClient(endpoint: server.url), options: options).deliver(
      // An answer is waited for longer than that.
      deadlineMilliseconds: Clock.system.milliseconds() + 8_000, nextPage: pages(1, of: 20),
      failed: { failure in if failure.reason == .hung { hung.append(failure.id.text) } })
    #expect(counts.deliveries == 19 && hung == ["p0n0="])
  }

  @Test("in the last third of patience no call starts, but the answer of the one on its way is waited for")
  func lastThird() throws {
    let clock = SettableClock()
    let server = ScriptedServer {
      // The patience starts with the first answer.
      if text($0.body) != "0" { clock.advance(milliseconds: 210) }
      return [.answer(200)]
    }
    defer { server.stop() }
    var options = Fanout.Options()
    options.tailTimeout = TailTimeout()
    options.tailTimeout?.leastMilliseconds = 300
    let client = try ManagementClient(endpoint: server.url, clock: clock.clock)
    var lacking: [Int64] = []
    let counts = Fanout(client: client, options: options, clock: clock.clock).deliver(
      deadlineMilliseconds: clock.clock.milliseconds() + 60_000, nextPage: pages(1, of: 1, frames: 5),
      failed: { failure in lacking.append(failure.from) })
    #expect(counts.deliveries == 2 && counts.unsent == 3 && lacking == [3])
    #expect(server.requests.count == 2)
  }

  @Test("who says that it is not to go on is asked soon, and nothing more is sent, also while a page takes long")
  func stopped() throws {
    for silence in [false, true] {
      let server = ScriptedServer { _ in silence ? [.silence] : [.answer(200)] }
      defer { server.stop() }
      var isAsked = false
      var failures: [DeliveryFailure.Reason] = []
      let counts = try fanout(server).deliver(
        deadlineMilliseconds: Clock.system.milliseconds() + 3_600_000,
        keepsOn: {
          isAsked = true
          return false
        }, nextPage: pages(1_000_000, of: 50), failed: { failure in failures.append(failure.reason) })
      #expect(isAsked && !counts.isEveryPageRead)
      #expect(
        failures.allSatisfy { $0 == .unsent || $0 == .hung } && counts.unsent == failures.count
          && (counts.deliveries > 0) != silence)
    }
  }
}
