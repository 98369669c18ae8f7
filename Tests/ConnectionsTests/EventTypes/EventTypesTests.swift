import Connections
import Frames
import Messaging
import TestSupport
import Testing

@Suite("event types and what may be subscribed to")
struct EventTypesTests {
  private let table = EventTypeTable.standard

  private func resolve(_ names: [String], keys: [String] = [], _ role: Role? = .admin) -> [Subscription] {
    SubscriptionRequest(names: names, keys: keys).resolved(for: role, types: .standard).accepted
  }

  @Test(
    "another name means the canonical type and is shown as it was asked",
    arguments: [
      ("risk_alert", "risk"), ("risk.alert", "risk"), ("signal.created", "signal"),
      ("recommendations", "recommendation"), ("eval.completed", "outcome"), ("system_status", "system"),
    ])
  func aliases(name: String, type: String) {
    let meaning = table.meaning(of: name)
    #expect(meaning.type == type)
    #expect(meaning.shownAs == name)
  }

  @Test("a channel of the market data clients holds its key")
  func channels() {
    let meaning = table.meaning(of: "stream:market_data:BRK:B")
    #expect(meaning.type == "stream:market_data")
    #expect(meaning.key == "BRK:B")
    #expect(table.meaning(of: "stream:news").key == nil)
  }

  @Test(
    "roles see what they may",
    arguments: [
      (
        Role.admin,
        ["signal", "proposal", "decision", "outcome", "risk", "system", "price:update", "order:fill", "mine"]
      ),
      (.approver, ["signal", "proposal", "decision", "outcome", "risk", "price:update"]),
      (.analyst, ["signal", "proposal", "decision", "price:update"]),
      (.viewer, ["signal", "proposal", "price:update"]),
    ])
  func roles(role: Role, types: [String]) {
    let all = ["signal", "proposal", "decision", "outcome", "risk", "system", "price:update", "order:fill", "mine"]
    #expect(all.filter { table.mayBeSeen($0, by: role) } == types)
    #expect(all.allSatisfy { !table.mayBeSeen($0, by: nil) })
  }

  @Test("a pattern becomes the known types that begin so, those of which the role may see some events")
  func patterns() {
    #expect(resolve(["order:*"]).map(\.type) == ["order:update", "order:fill"])
    let all = resolve(["*"], .viewer).map(\.type)
    let proposals = ["proposal", "proposal.created", "proposal.updated"]
    let broadcasts = ["announcement", "price:update", "agent:status", "market_alert"]
    let vendors = ["market_data", "news", "fundamentals", "analytics", "insider_data"].map { "stream:\($0)" }
    #expect(all.filter { table.mayBeSeen($0, by: .viewer) } == ["signal"] + proposals + broadcasts + vendors)
    // What is personal is for every role of its user.
    #expect(all.contains("order:fill") && all.contains("credit_analysis") && !all.contains("risk"))
    #expect(resolve(["eval*"]) == [Subscription(type: "outcome", selector: .all, shownAs: "eval.completed")])
    let refused = SubscriptionRequest(names: ["nothing*"]).resolved(for: .admin, types: .standard).refused
    #expect(refused.map(\.code) == [.unknownType])
  }

  @Test("keys may be patterns too, and everything is wanted once")
  func keys() {
    #expect(
      resolve(["price:update", "price:update"], keys: ["AAPL", "AA*", "AAPL", "*"]).map(\.selector)
        == [.key("AAPL"), .prefix("AA"), .all])
    #expect(resolve(["stream:news:AA*"]) == [Subscription(type: "stream:news", selector: .prefix("AA"), shownAs: nil)])
  }

  @Test("channels, symbols and data types together are their union")
  func marketData() {
    let request = SubscriptionRequest(
      eventTypes: ["stream:market_data:AAPL"], symbols: ["AAPL", "MSFT"], dataTypes: ["market_data"])
    let accepted = request.resolved(for: .admin, types: .standard).accepted
    #expect(accepted.map(\.type) == ["stream:market_data", "stream:market_data"])
    #expect(accepted.map(\.selector) == [.key("AAPL"), .key("MSFT")])
    #expect(SubscriptionRequest(eventTypes: [], symbols: ["AAPL"]).names == ["stream:market_data"])
  }

  @Test("a name is refused alone, with the reason")
  func refusals() {
    let request = SubscriptionRequest(names: ["signal", "risk", "a\nb", "ready"])
    let (accepted, refused) = request.resolved(for: .viewer, types: table)
    #expect(accepted.map(\.type) == ["signal"])
    #expect(refused.map(\.code) == [.notAllowed, .invalidName, .invalidName])
  }
}
