/// The names of the members that frames have: who writes one and who reads it go by the same name.
package enum Member {
  package static let type = "type"
  package static let replay = "replay"
  package static let timestamp = "timestamp"

  // Events and where they stand.
  /// The name that an event was published under, where it is shown under its family's.
  package static let name = "name"
  package static let version = "version"
  package static let priority = "priority"
  package static let id = "id"
  package static let stream = "stream"
  package static let sequence = "seq"
  package static let data = "data"
  package static let events = "events"
  package static let more = "more"
  package static let cursor = "cursor"

  // What a client says.
  /// A client's own count of its frames of a type; the answer bears it.
  package static let count = "n"
  package static let seen = "seen"
  package static let accept = "accept"
  package static let eventTypes = "eventTypes"
  package static let keys = "keys"

  // What the server answers.
  package static let connectionID = "connectionId"
  package static let user = "userId"
  package static let role = "role"
  package static let subscriptions = "subscriptions"
  package static let refused = "refused"
  package static let recovered = "recovered"
  package static let missed = "missed"
  package static let reason = "reason"
  package static let from = "from"
  package static let to = "to"
  package static let streams = "streams"
  package static let code = "code"
  package static let message = "message"

  // A frame in parts.
  package static let index = "index"
  package static let partCount = "count"
}
