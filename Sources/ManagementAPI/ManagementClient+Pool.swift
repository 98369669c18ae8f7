import HTTPClient

/// Opening connections, giving them calls, and closing them.
extension ManagementClient {
  func begin(_ errand: PendingCall, on lane: PooledConnection) {
    let due = now + Int64(options.answerMilliseconds)
    nextOverdueCheck = min(nextOverdueCheck, due)
    let progress = lane.begin(errand, bytes: request, dueMilliseconds: due)
    if case .waiting(isSending: true) = progress {
      epoll.change(lane.connection.descriptor, number: lane.number, awaitsWriting: true)
    }
    take(progress, from: lane)
  }

  /// The lane's call has ended well: it takes a call that waits, or waits itself.
  func next(_ lane: PooledConnection) {
    lane.release()
    if waiting.isEmpty {
      idle.append(lane)
    } else {
      begin(waiting.removeFirst(), on: lane)
    }
  }

  func close(_ lane: PooledConnection) {
    lanes[lane.number] = nil
    liveCount -= 1
    lane.connection.close()
  }

  /// Whatever an idle connection has to say, it is of no more use: most often it was closed while nothing was sent.
  /// Only TLS says things that concern nobody, as a ticket for the next handshake.
  func hear(idle lane: PooledConnection) {
    if case .wouldBlock? = try? lane.connection.receive(into: &buffer) { return }
    idle.removeAll { $0 === lane }
    close(lane)
  }

  func closeDeadIdleLanes() {
    guard !idle.isEmpty else { return }
    for place in 0..<epoll.wait(milliseconds: 0) { handle(epoll.event(place)) }
  }

  /// The first connection is opened alone: the others then find the name resolved, the certificates loaded and a TLS
  /// session to resume.
  func openLanes() {
    let calls = waiting.count + waitingForNew.count
    guard calls > 0 else { return }
    let most = max(wanted, waitingForNew.isEmpty ? 0 : liveCount + 1)
    let bound = liveCount == 0 ? 1 : min(most, lanes.count) - liveCount
    while dialer.openingCount < min(bound, calls) {
      do throws(HTTPClientError) {
        _ = try dialer.begin(url: endpoint, connectMilliseconds: options.connectMilliseconds)
      } catch {
        return giveUpOpening(error)
      }
    }
  }

  /// How long is waited for answers before it is one of them that takes its time.
  var stallMilliseconds: Int64 {
    guard let usualMilliseconds else { return options.stallMilliseconds }
    return min(options.stallMilliseconds, max(Self.shortestStallMilliseconds, Int64(4 * usualMilliseconds)))
  }

  private static var shortestStallMilliseconds: Int64 { 5 }

  /// Answers were waited for while there were more calls to make. When that adds up there is room for as many more as
  /// are on their way: fifty that hang hold the others up no longer than six do. A client that its processor keeps busy
  /// waits for nothing, and opens none. False: not yet.
  func widen(after waited: Int64) -> Bool {
    stalledMilliseconds += waited
    guard stalledMilliseconds >= stallMilliseconds else { return false }
    stalledMilliseconds = 0
    wanted = min(lanes.count, max(wanted, liveCount) * 2)
    return room > 0
  }

  func takeOpened(_ opened: [(ticket: Dialer.Ticket, outcome: Dialer.Outcome)]) {
    for (_, outcome) in opened {
      switch outcome {
      case .opened(let connection): add(connection)
      case .failed(let error): giveUpOpening(error)
      }
    }
  }

  func add(_ connection: Connection) {
    guard let number = lanes.firstIndex(where: { $0 == nil }) else { return connection.close() }
    let lane = PooledConnection(number: number, connection: connection)
    lanes[number] = lane
    liveCount += 1
    hasDialedAgain = false
    epoll.add(connection.descriptor, number: number)
    if !waitingForNew.isEmpty {
      begin(waitingForNew.removeFirst(), on: lane)
    } else if !waiting.isEmpty {
      begin(waiting.removeFirst(), on: lane)
    } else {
      idle.append(lane)
    }
  }

  /// A connection could not be opened: the calls go on with those there are. Those that cannot go on fail.
  func giveUpOpening(_ error: HTTPClientError) {
    guard dialer.openingCount == 0 else { return }
    wanted = max(1, liveCount)
    let stranded = liveCount == 0 ? waitingForNew + waiting : waitingForNew
    if liveCount == 0, error.kind == .timedOut, !hasDialedAgain {
      hasDialedAgain = true
      return
    }
    let (kind, reason) = told(error)
    waitingForNew = []
    if liveCount == 0 {
      waiting = []
      outage = (kind, reason, now + Int64(options.pauseMilliseconds))
    }
    for errand in stranded { fail(errand, kind: kind, reason: reason) }
  }

  func told(_ error: HTTPClientError) -> (kind: ManagementError.Kind, reason: String) {
    switch error.kind {
    case .timedOut where liveCount == 0:
      (.unreachable, "\(error.message); a function in a VPC needs a route: a NAT gateway or an execute-api endpoint")
    case .timedOut: (.timedOut, error.message)
    case .tls: (.notTrusted, error.message)
    default: (.notConnected, error.message)
    }
  }
}
