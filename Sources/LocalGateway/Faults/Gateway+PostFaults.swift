/// What goes wrong with `POST @connections`.
extension Gateway {
  /// Every kind has its own count of the posts to a connection; if several choose one, the first of these spoils it.
  func faultOfPost(to identity: ConnectionIdentity, faults: Faults) -> Faults.Decision? {
    var found: Faults.Decision?
    for kind in [Fault.Kind.throttled, .failed, .gone, .lost, .slow] {
      let decision = faults.decide(kind, who: identity.name) { fault in
        fault.kind == .gone || fault.kind == .throttled || fault.target.includes(.posts)
      }
      found = found ?? decision
    }
    guard let found, faults.inject(found, connectionID: identity.key.text) else { return nil }
    return found
  }

  func post(
    _ body: [UInt8], to connection: ClientConnection, responder: HTTPResponder, spoiledBy decision: Faults.Decision
  ) {
    let fault = decision.fault
    switch fault.kind {
    case .throttled: refuse(.limitExceeded, message: "Rate exceeded", responder: responder)
    case .failed: responder.refuse(status: fault.status, message: "Internal server error")
    case .gone: gone(responder)
    case .lost: if deliver(body, to: connection, responder: responder) { responder.abandon() }
    case .slow where fault.delay == .effect:
      loop.schedule(afterMilliseconds: fault.milliseconds) {
        self.postLate(body, to: connection.identity, responder: responder)
      }
    case .slow:
      guard deliver(body, to: connection, responder: responder) else { return }
      loop.schedule(afterMilliseconds: fault.milliseconds) { self.confirmPost(responder) }
    default: if deliver(body, to: connection, responder: responder) { confirmPost(responder) }
    }
  }

  /// The connection may have gone, and the caller too; the frame is sent nevertheless.
  private func postLate(_ body: [UInt8], to identity: ConnectionIdentity, responder: HTTPResponder) {
    guard let connection = connections[identity.key] else { return gone(responder) }
    if deliver(body, to: connection, responder: responder) { confirmPost(responder) }
  }
}

extension ConnectionIdentity {
  /// What faults call the connection; the same in every run that opens connections in the same order.
  var name: String { "c\(number)" }
}
