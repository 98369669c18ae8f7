import AWS
import HTTPClient
import Telemetry

/// Waiting for the sockets, and what becomes of each call.
extension ManagementClient {
  /// Waits so long at most, and handles what has come. How long it waited, without the handling.
  func wait(_ milliseconds: Int64) -> Int64 {
    var milliseconds = milliseconds
    if dialer.openingCount > 0 {
      takeOpened(dialer.poll(milliseconds: Int(clamping: milliseconds), besides: epoll.descriptor))
      milliseconds = 0
    }
    let count = epoll.wait(milliseconds: milliseconds)
    let waited = milliseconds > 0 ? clock.monotonicMilliseconds() - now : 0
    for place in 0..<count { handle(epoll.event(place)) }
    return waited
  }

  func handle(_ event: EpollSet.Event) {
    // A lane that was closed earlier in this round has left its place.
    guard let lane = lanes[event.number] else { return }
    guard lane.errand != nil else { return hear(idle: lane) }
    if event.isWritable {
      let progress = lane.send()
      // While it sends, a lane is told of both; once all is sent, of answers only.
      if case .waiting(isSending: false) = progress {
        epoll.change(lane.connection.descriptor, number: lane.number, awaitsWriting: false)
      } else if !event.isReadable {
        return take(progress, from: lane)
      }
    }
    if event.isReadable { take(lane.receive(&buffer), from: lane) }
  }

  func take(_ progress: PooledConnection.Progress, from lane: PooledConnection) {
    guard let errand = lane.errand else { return }
    switch progress {
    case .waiting: break
    case .answered(let answer, let isReusable):
      settle(errand, answer: answer, date: answer.status < 400 ? nil : lane.date, since: lane.dueMilliseconds)
      isReusable ? next(lane) : close(lane)
    case .dead(let reason):
      close(lane)
      if lane.hasServed, !errand.isRepeated {
        waitingForNew.append(PendingCall(call: errand.call, token: errand.token, isRepeated: true))
      } else {
        fail(errand, kind: .closed, reason: reason)
      }
    case .garbled(let reason):
      close(lane)
      fail(errand, kind: .garbled, reason: reason)
    }
  }

  /// `due`: when the call would have been overdue.
  func settle(_ errand: PendingCall, answer: Answer, date: String?, since due: Int64) {
    if answer.status >= 400, let authority, let proof = errand.proof, !errand.isSignedAgain {
      let refusal = SigningAuthority.Refusal(
        status: answer.status, date: date, errorType: answer.errorType, body: answer.body)
      let used = SigningAuthority.Proof(
        credentials: proof.signer.credentials, signedAt: proof.secondsSinceEpoch)
      if authority.learn(from: refusal, of: used) {
        authorize()
        return waiting.insert(PendingCall(call: errand.call, token: errand.token, isSignedAgain: true), at: 0)
      }
    }
    // The clock was read before the sockets were waited for.
    let took = clock.monotonicMilliseconds() - (due - Int64(options.answerMilliseconds))
    usualMilliseconds = (usualMilliseconds ?? Double(took)) * 0.875 + Double(took) * 0.125
    completions.append(
      Completion(token: errand.token, outcome: .answered(answer), answerMilliseconds: max(0, took)))
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

  func fail(_ errand: PendingCall, kind: ManagementError.Kind, reason: String) {
    let error = ManagementError(kind, tried: errand.call.name, host: endpoint.origin, message: reason)
    completions.append(Completion(token: errand.token, outcome: .failed(error)))
  }

  func endOverdue() {
    nextOverdueCheck = .max
    for lane in lanes {
      guard let lane, let errand = lane.errand else { continue }
      if lane.dueMilliseconds <= now {
        close(lane)
        fail(errand, kind: .timedOut, reason: "no answer within \(options.answerMilliseconds) ms")
      } else {
        nextOverdueCheck = min(nextOverdueCheck, lane.dueMilliseconds)
      }
    }
  }
}
