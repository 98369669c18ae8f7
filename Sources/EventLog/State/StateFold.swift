import Connections
import JSON
import Messaging

/// What one event makes of the state of its key. Pure: the same state and event give the same, and what is not exact is
/// refused. `Docs/protocol.md`, "State of a user".
///
/// For example:
///
///     order:update  {"orderId":"o-1","symbol":"AAPL","qty":10,"status":"new"}      that
///     order:fill    {"orderId":"o-1","filledQty":4,"filledAvgPrice":150.25}        status partially_filled, and both figures
///     order:fill    {"orderId":"o-1","filledQty":10,"filledAvgPrice":150.30}       status filled, and both figures
///     order:fill    {"orderId":"o-1","filledQty":4,"filledAvgPrice":150.25}        the same: it is older than what is known
struct StateFold {
  let rule: StateRule

  /// What became of a state.
  struct Outcome: Equatable {
    /// Nil: the key is not in the state any more.
    var state: StateObject?
    /// The event's data as they are sent; nil: as they were published.
    var data: StateObject?
  }

  /// `state`: nil, if the key is not in it.
  func outcome(of event: StateObject, on state: StateObject?) throws(EventRefusal) -> Outcome {
    switch rule.fold {
    case .merge: Outcome(state: (state ?? StateObject()).merging(event))
    case .fill: Outcome(state: try filled(state ?? StateObject(), by: event))
    case .position: try position(event, on: state ?? StateObject())
    }
  }

  // MARK: Orders

  private enum Order {
    static let quantity = "qty"
    static let filledQuantity = "filledQty"
    static let status = "status"
    static let filled = "filled"
    static let partlyFilled = "partially_filled"
    /// Of an order that has these a part of it is not filled any more.
    static let final = [filled, "canceled", "cancelled", "rejected", "expired"]
    /// What a fill says of its order.
    static let members = ["orderId", filledQuantity, "filledAvgPrice", status, "timestamp"]
  }

  /// A fill's figures are those of the whole order until then: one that says less than is known came late.
  private func filled(_ order: StateObject, by fill: StateObject) throws(EventRefusal) -> StateObject {
    guard let quantity = try fill.decimal(Order.filledQuantity) else { return order.merging(part(of: fill)) }
    if let known = try? order.decimal(Order.filledQuantity), quantity < known { return order }
    var filled = order.merging(part(of: fill))
    if fill[Order.status] == nil, let status = Self.status(of: order, filledQuantity: quantity) {
      filled[Order.status] = Array("\"\(status)\"".utf8)
    }
    return filled
  }

  private func part(of fill: StateObject) -> StateObject {
    var part = StateObject()
    for name in Order.members { part[name] = fill[name] }
    return part
  }

  /// Nil: it stays as it is, or nobody can tell.
  private static func status(of order: StateObject, filledQuantity: ExactDecimal) -> String? {
    guard let quantity = try? order.decimal(Order.quantity) else { return nil }
    if filledQuantity >= quantity { return Order.filled }
    return Order.final.contains(order.text(Order.status) ?? "") ? nil : Order.partlyFilled
  }

  // MARK: Positions

  private enum Position {
    static let quantity = "quantity"
    static let entryPrice = "entryPrice"
    static let currentPrice = "currentPrice"
    static let profit = "unrealizedPnL"
  }

  /// The position as it is now, which the event says whole: a client needs no earlier one.
  private func position(_ event: StateObject, on state: StateObject) throws(EventRefusal) -> Outcome {
    for name in [Position.quantity, Position.entryPrice, Position.currentPrice] { _ = try event.decimal(name) }
    // What it had gained before says nothing of what it is now.
    var position = state.without(Position.profit).merging(event)
    if event[Position.profit] == nil, let profit = try Self.profit(of: position) {
      position[Position.profit] = Array(profit.description.utf8)
    }
    if let quantity = try position.decimal(Position.quantity), quantity.isZero {
      return Outcome(state: nil, data: event.filled(from: position))
    }
    return Outcome(state: position, data: event.filled(from: position))
  }

  private static func profit(of position: StateObject) throws(EventRefusal) -> ExactDecimal? {
    guard let quantity = try position.decimal(Position.quantity), let entry = try position.decimal(Position.entryPrice),
      let current = try position.decimal(Position.currentPrice)
    else { return nil }
    return try exact { () throws(ExactDecimal.Fault) in try current.minus(entry).times(quantity) }
  }

  /// What positions are worth together; one without a price counts for nothing.
  static func totalValue(of positions: some Sequence<StateObject>) throws(EventRefusal) -> ExactDecimal {
    var total = ExactDecimal.zero
    for position in positions {
      guard let quantity = try position.decimal(Position.quantity),
        let price = try position.decimal(Position.currentPrice)
      else { continue }
      total = try exact { () throws(ExactDecimal.Fault) in try total.plus(quantity.times(price)) }
    }
    return total
  }

  private static func exact(
    _ calculation: () throws(ExactDecimal.Fault) -> ExactDecimal
  ) throws(EventRefusal) -> ExactDecimal {
    do throws(ExactDecimal.Fault) {
      return try calculation()
    } catch {
      throw EventRefusal(
        code: .invalidField, message: "what the positions are worth cannot be calculated exactly: it \(error.rawValue)")
    }
  }
}
