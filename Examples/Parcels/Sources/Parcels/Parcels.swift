import FoundationEssentials
import LambdaEvents
import LambdaRuntime
import TickertapeHandlers

/// A message of the queue, as a shop writes it: `{"parcel":"P-1","customer":"ada","status":"out for delivery"}`.
struct Notice: Decodable {
  let parcel: String
  let customer: String
  let status: String
}

/// What the customer gets, as the data of an event `parcel:update` whose key is the parcel.
struct Update: Encodable {
  let parcel: String
  let status: String
}

/// Tells customers what a queue says of their parcels. A message that cannot be read, or is refused, comes again, and
/// goes to the dead-letter queue in the end; one that comes again after it was published is not published again.
struct Parcels: QueueHandler {
  let publisher: EventPublisher
  private let encoder = JSONEncoder()

  init(publisher: EventPublisher) {
    self.publisher = publisher
    // Under one idempotency key the data have to be the same bytes each time; by itself the encoder draws the order.
    encoder.outputFormatting = .sortedKeys
  }

  mutating func message(_ message: QueueMessage, context: InvocationContext) throws {
    let notice = try JSONDecoder().decode(Notice.self, from: Data(message.body))
    let update = try encoder.encode(Update(parcel: notice.parcel, status: notice.status))
    let outcome = try publisher.sendToUser(
      notice.customer, type: "parcel:update", data: String(decoding: update, as: UTF8.self), key: notice.parcel,
      idempotencyKey: message.idempotencyKey)
    if let rejection = outcome.rejected.first { throw rejection }
  }
}
