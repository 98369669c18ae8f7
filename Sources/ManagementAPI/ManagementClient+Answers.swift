import AWS
import HTTPClient
import Telemetry

/// Waiting for the sockets, and what becomes of each call.
extension ManagementClient {
  /// Waits so long at most, and handles what has come. How long it waited, without the handling.
  func wait(_ milliseconds: Int64) -> Int64 {
    var milliseconds = milliseconds
    if dialer.openingCount > 0 {
      acceptOpened(dialer.poll(milliseconds: Int(clamping: milliseconds), besides: epoll.descriptor))
      milliseconds = 0
    }
    let count = epoll.wait(milliseconds: milliseconds)
    let waited = milliseconds > 0 ? clock.monotonicMilliseconds() - now : 0
    for index in 0..<count { handle(epoll.event(index)) }
    return waited
  }

  func handle(_ event: EpollSet.Event) {
    // A lane that was closed earlier in this round has left its place.
    guard let pooled = pool[event.number] else { return }
    guard pooled.pending != nil else { return hear(idle: pooled) }
    if event.isWritable {
      let progress = pooled.send()
      // While it sends, a lane is told of both; once all is sent, of answers only.
      if case .waiting(isSending: false) = progress {
        epoll.change(pooled.connection.descriptor, number: pooled.number, awaitsWriting: false)
      } else if !event.isReadable {
        return handle(progress, from: pooled)
      }
    }
    if event.isReadable { handle(pooled.receive(&buffer), from: pooled) }
  }

  func handle(_ progress: PooledConnection.Progress, from pooled: PooledConnection) {
    guard let pending = pooled.pending else { return }
    switch progress {
    case .waiting: break
    case .answered(let answer, let isReusable):
      complete(pending, answer: answer, date: answer.status < 400 ? nil : pooled.date, since: pooled.dueMilliseconds)
      isReusable ? next(pooled) : close(pooled)
    case .dead(let reason):
      close(pooled)
      if pooled.hasServed, !pending.isRepeated {
        waitingForNew.append(PendingCall(call: pending.call, token: pending.token, isRepeated: true))
      } else {
        fail(pending, kind: .closed, reason: reason)
      }
    case .garbled(let reason):
      close(pooled)
      fail(pending, kind: .garbled, reason: reason)
    }
  }

  /// `due`: when the call would have been overdue.
  func complete(_ pending: PendingCall, answer: Answer, date: String?, since due: Int64) {
    if answer.status >= 400, let authority, let proof = pending.proof, !pending.isSignedAgain {
      let refusal = SigningAuthority.Refusal(
        status: answer.status, date: date, errorType: answer.errorType, body: answer.body)
      let used = SigningAuthority.Proof(
        credentials: proof.signer.credentials, signedAt: proof.secondsSinceEpoch)
      if authority.learn(from: refusal, of: used) {
        authorize()
        return waiting.insert(PendingCall(call: pending.call, token: pending.token, isSignedAgain: true), at: 0)
      }
    }
    // The clock was read before the sockets were waited for.
    let took = clock.monotonicMilliseconds() - (due - Int64(options.answerMilliseconds))
    usualMilliseconds = (usualMilliseconds ?? Double(took)) * 0.875 + Double(took) * 0.125
    completions.append(
      Completion(token: pending.token, outcome: .answered(answer), answerMilliseconds: max(0, took)))
  }

  /// The time and the credentials that the next calls are signed with.
  func authorize() {
    if let outage, now < outage.until { return }
    outage = nil
    do throws(CredentialError) {
      try request.authorize()
    } catch {
      outage = (.noCredentials, error.description, now + Int64(options.pauseMilliseconds))
    }
  }

  func fail(_ pending: PendingCall, kind: ManagementError.Kind, reason: String) {
    let error = ManagementError(kind, tried: pending.call.name, host: endpoint.origin, message: reason)
    completions.append(Completion(token: pending.token, outcome: .failed(error)))
  }

  func endOverdue() {
    nextOverdueCheck = .max
    for pooled in pool {
      guard let pooled, let pending = pooled.pending else { continue }
      if pooled.dueMilliseconds <= now {
        close(pooled)
        fail(pending, kind: .timedOut, reason: "no answer within \(options.answerMilliseconds) ms")
      } else {
        nextOverdueCheck = min(nextOverdueCheck, pooled.dueMilliseconds)
      }
    }
  }
}
