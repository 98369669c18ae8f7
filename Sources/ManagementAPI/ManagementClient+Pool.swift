import HTTPClient

/// Opening connections, giving them calls, and closing them.
extension ManagementClient {
  func begin(_ pending: PendingCall, on pooled: PooledConnection) {
    let due = now + Int64(options.answerMilliseconds)
    nextOverdueCheck = min(nextOverdueCheck, due)
    let progress = pooled.begin(pending, bytes: request, dueMilliseconds: due)
    if case .waiting(isSending: true) = progress {
      epoll.change(pooled.connection.descriptor, number: pooled.number, awaitsWriting: true)
    }
    handle(progress, from: pooled)
  }

  /// The lane's call has ended well: it takes a call that waits, or waits itself.
  func next(_ pooled: PooledConnection) {
    pooled.release()
    if waiting.isEmpty {
      idle.append(pooled)
    } else {
      begin(waiting.removeFirst(), on: pooled)
    }
  }

  func close(_ pooled: PooledConnection) {
    pool[pooled.number] = nil
    liveCount -= 1
    pooled.connection.close()
  }

  /// Whatever an idle connection has to say, it is of no more use: most often it was closed while nothing was sent.
  /// Only TLS says things that concern nobody, as a ticket for the next handshake.
  func hear(idle pooled: PooledConnection) {
    if case .wouldBlock? = try? pooled.connection.receive(into: &buffer) { return }
    idle.removeAll { $0 === pooled }
    close(pooled)
  }

  func closeDeadIdleConnections() {
    guard !idle.isEmpty else { return }
    for index in 0..<epoll.wait(milliseconds: 0) { handle(epoll.event(index)) }
  }

  /// The first connection is opened alone: the others then find the name resolved, the certificates loaded and a TLS
  /// session to resume.
  func openConnections() {
    let calls = waiting.count + waitingForNew.count
    guard calls > 0 else { return }
    let most = max(wanted, waitingForNew.isEmpty ? 0 : liveCount + 1)
    let bound = liveCount == 0 ? 1 : min(most, pool.count) - liveCount
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
    wanted = min(pool.count, max(wanted, liveCount) * 2)
    return room > 0
  }

  func acceptOpened(_ opened: [(ticket: Dialer.Ticket, outcome: Dialer.Outcome)]) {
    for (_, outcome) in opened {
      switch outcome {
      case .opened(let connection): add(connection)
      case .failed(let error): giveUpOpening(error)
      }
    }
  }

  func add(_ connection: Connection) {
    guard let number = pool.firstIndex(where: { $0 == nil }) else { return connection.close() }
    let pooled = PooledConnection(number: number, connection: connection)
    pool[number] = pooled
    liveCount += 1
    hasDialedAgain = false
    epoll.add(connection.descriptor, number: number)
    if !waitingForNew.isEmpty {
      begin(waitingForNew.removeFirst(), on: pooled)
    } else if !waiting.isEmpty {
      begin(waiting.removeFirst(), on: pooled)
    } else {
      idle.append(pooled)
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
    let (kind, reason) = failure(error)
    waitingForNew = []
    if liveCount == 0 {
      waiting = []
      outage = (kind, reason, now + Int64(options.pauseMilliseconds))
    }
    for pending in stranded { fail(pending, kind: kind, reason: reason) }
  }

  func failure(_ error: HTTPClientError) -> (kind: ManagementError.Kind, reason: String) {
    switch error.kind {
    case .timedOut where liveCount == 0:
      (.unreachable, "\(error.message); a function in a VPC needs a route: a NAT gateway or an execute-api endpoint")
    case .timedOut: (.timedOut, error.message)
    case .tls: (.notTrusted, error.message)
    default: (.notConnected, error.message)
    }
  }
}
