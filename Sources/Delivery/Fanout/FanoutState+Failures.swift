import ManagementAPI
import Messaging
import Telemetry

// What came of the calls.
extension FanoutState {
  /// The call was answered with this status.
  package mutating func answered(token: Int, status: Int, nowMilliseconds now: Int64) {
    inFlight -= 1
    width.record(isRefusal: status == 429)
    if active[token].isClosing { return closed(token, status: status, now: now) }
    switch status {
    case 200..<300:
      counts.deliveries += 1
      advance(token)
    case 410 where now + epoch - active[token].delivery.connectedAtMilliseconds >= options.youngMilliseconds:
      gone(token)
    // One client whose buffer is full is no reason for the others to wait; where all are refused, a refusal says nothing
    // of the client.
    case 429 where width.isReduced:
      retry(token, reason: .refused(status: status), attempts: options.backoff.attempts, now: now)
    case 500...599: retry(token, reason: .refused(status: status), attempts: options.attemptsOfFailure, now: now)
    case 413: giveUpFrame(token, reason: .refused(status: status))
    default: giveUp(token, reason: .refused(status: status))
    }
  }

  /// The connection to the gateway broke before an answer came.
  package mutating func broke(token: Int, reason: String, nowMilliseconds now: Int64) {
    inFlight -= 1
    retry(token, reason: .broken(reason), attempts: options.attemptsOfFailure, now: now)
  }

  /// The call could not be made, and no other can: those that are on their way are waited for, the rest is given up for
  /// the same reason.
  package mutating func cannotCall(token: Int, reason: String) {
    inFlight -= 1
    hopeless = .unreachable(reason)
    giveUp(token, reason: .unreachable(reason))
  }

  /// The call has no answer and is waited for no longer.
  package mutating func abandoned(token: Int) {
    inFlight -= 1
    giveUp(token, reason: .hung)
  }

  /// The call was not sent, and there is no time for it.
  package mutating func notSent(token: Int) {
    inFlight -= 1
    giveUp(token, reason: .unsent)
  }

  /// The gateway was told to close the connection.
  private mutating func closed(_ token: Int, status: Int, now: Int64) {
    switch status {
    case 200..<300, 404, 410: gone(token)
    case 429, 500...599: retry(token, reason: .refused(status: status), attempts: options.attemptsOfFailure, now: now)
    default: giveUp(token, reason: .refused(status: status))
    }
  }

  private mutating func gone(_ token: Int) {
    let one = active[token]
    counts.gone += 1
    goneIDs.insert(one.delivery.id)
    failures.append(failure(of: one, reason: .gone))
    for delivery in one.later { passOver(delivery) }
    free(token)
  }

  /// Another delivery to a connection that is known to be gone. Were it not reported, its stream would take the events for
  /// delivered; and the connection may be one that stays.
  mutating func passOver(_ delivery: PendingDelivery) { failures.append(DeliveryFailure(.gone, of: delivery)) }

  /// One that was refused a frame as too large lacks those after it for another reason.
  private func failure(of one: Active, reason: DeliveryFailure.Reason) -> DeliveryFailure {
    DeliveryFailure(reason, of: one.delivery, frame: one.refused?.frame ?? one.frame)
  }

  private mutating func retry(_ token: Int, reason: DeliveryFailure.Reason, attempts: Int, now: Int64) {
    active[token].attempts += 1
    let made = active[token].attempts
    guard now < stopAt, made < attempts,
      let delay = options.backoff.delayMilliseconds(afterAttempts: made, randomness: randomness)
    else { return giveUp(token, reason: reason) }
    active[token].lastFailure = reason
    counts.retried += 1
    retries.add(token, dueAt: now + delay)
  }

  /// One frame cannot be delivered, the others may.
  private mutating func giveUpFrame(_ token: Int, reason: DeliveryFailure.Reason) {
    counts.failed += 1
    if active[token].refused == nil { active[token].refused = (active[token].frame, reason) }
    advance(token)
  }

  /// On to the delivery's next frame, or, after its last, to its end.
  private mutating func advance(_ token: Int) {
    active[token].frame += 1
    active[token].attempts = 0
    active[token].lastFailure = nil
    if active[token].frame < active[token].delivery.frames.count { return ready.append(token) }
    if active[token].delivery.isClosedAfterwards {
      active[token].isClosing = true
      return ready.append(token)
    }
    if let refused = active[token].refused {
      failures.append(DeliveryFailure(refused.reason, of: active[token].delivery, frame: refused.frame))
    }
    if active[token].later.isEmpty { return free(token) }
    active[token].delivery = active[token].later.removeFirst()
    active[token].frame = 0
    active[token].refused = nil
    ready.append(token)
  }

  /// Its other frames are not delivered either, nor those of the later deliveries to the same connection.
  private mutating func giveUp(_ token: Int, reason: DeliveryFailure.Reason) {
    let one = active[token]
    free(token)
    record(failure(of: one, reason: reason), undelivered: one.delivery.frames.count - one.frame)
    for delivery in one.later { record(unbegun: delivery, reason: reason) }
  }

  private mutating func record(unbegun delivery: PendingDelivery, reason: DeliveryFailure.Reason) {
    record(DeliveryFailure(reason, of: delivery), undelivered: delivery.frames.count)
  }

  private mutating func record(_ failure: DeliveryFailure, undelivered count: Int) {
    if failure.isUnsent { counts.unsent += count } else { counts.failed += count }
    failures.append(failure)
    failures[failures.endIndex - 1].undelivered = count
  }

  /// Time is up, or calling is of no use: whatever is not on its way is not sent.
  mutating func leave(_ reason: DeliveryFailure.Reason) {
    while let token = ready.popLast() ?? retries.popFirst(dueAt: .max) {
      giveUp(token, reason: active[token].lastFailure ?? reason)
    }
    while let delivery = pending.popFirst() {
      if goneIDs.contains(delivery.id) { passOver(delivery) } else { record(unbegun: delivery, reason: reason) }
    }
  }

  private mutating func free(_ token: Int) {
    active[token].isFree = true
    activeIDs.remove(active[token].slot)
    freeTokens.append(token)
  }
}
