package import ConnectionStore
import Messaging
import Telemetry

/// Who may read over HTTP: as at a WebSocket's `$connect`, and with a ticket.
///
///     var access = StreamAccess(control: AccessControl(settings: settings, keys: APIKeys(table: table), log: log), tickets: tickets)
///     let presented = proxy.asked(PresentedCredentials(query: event.query.pairs, headers: event.headers.pairs))
///     switch try access.decide(presented, requested: requested, lastEventID: id, isPublic: false) {
///     case .admitted(let identity, let grant): …     // a grant: every id of the stream is stamped with `grant.stamp`
///     case .refused(let refusal, let isFinal): …     // before the first success its status; later an error event, 204 if final
///     }
///
/// For `POST /ticket` ask `control.decide`, which takes no ticket, and then `tickets.issue`.
package struct StreamAccess {
  package var control: AccessControl
  package let tickets: Tickets

  package init(control: AccessControl, tickets: Tickets) {
    self.control = control
    self.tickets = tickets
  }

  package enum Decision: Sendable {
    case admitted(Identity, TicketGrant?)
    /// `isFinal`: coming back with the same is in vain.
    case refused(AccessRefusal, isFinal: Bool)
  }

  /// `isPublic`: what is read needs no credential. Who brings none, or a cookie that says nothing, is a viewer and nobody in
  /// particular; who brings a wrong one on purpose is refused all the same.
  package mutating func decide(
    _ presented: PresentedCredentials, requested: RequestedIdentity, lastEventID: String?, isPublic: Bool = false
  ) throws(TableError) -> Decision {
    let texts = presented.parameters(Ticket.parameter)
    if !texts.isEmpty {
      return try decide(tickets: texts, presented: presented, requested: requested, lastEventID: lastEventID)
    }
    switch try control.decide(presented, requested: requested, anonymousRole: isPublic ? .viewer : nil) {
    case .admitted(let identity): return .admitted(identity, nil)
    case .refused(let refusal):
      // A browser sends its cookie unasked, also an old one.
      if isPublic, presented.hasAmbientCredential, refusal.isOfTheClient {
        return try decide(presented.withoutCookies, requested: requested, lastEventID: lastEventID, isPublic: true)
      }
      return .refused(refusal, isFinal: false)
    }
  }

  /// A ticket speaks alone: a cookie beside it was sent unasked, and any other credential makes it unclear who asks.
  private func decide(
    tickets texts: [String], presented: PresentedCredentials, requested: RequestedIdentity, lastEventID: String?
  ) throws(TableError) -> Decision {
    guard texts.count == 1, !presented.hasExplicitCredential else {
      return .refused(.unproven("a ticket beside another credential"), isFinal: false)
    }
    switch try tickets.open(texts[0], lastEventID: lastEventID) {
    case .refused(let refusal): return .refused(refusal.accessRefusal, isFinal: refusal.isFinal)
    case .opened(let grant):
      // Whoever stood in for another when the ticket was made has that one's name in it.
      guard requested.agrees(with: grant.identity) else {
        return .refused(.forbidden("the ticket is of another principal"), isFinal: true)
      }
      return .admitted(grant.identity, grant)
    }
  }
}

extension PresentedCredentials {
  var hasAmbientCredential: Bool { Credential.all(in: self).contains(where: \.isAmbient) }

  var hasExplicitCredential: Bool { Credential.all(in: self).contains { !$0.isAmbient } }

  var withoutCookies: PresentedCredentials {
    PresentedCredentials(query: query, headers: headers.filter { !Self.isEqual($0.name, right: "Cookie") })
  }
}
