import JSON
import Messaging
import TestSupport
import Testing

@Suite("which types conflate")
struct EventTypeConflationTests {
  /// The frames that a connection of u-1 gets of events that are published at once.
  private func frames(_ events: [String]) throws -> [String] {
    let stage = Stage()
    _ = try stage.connect([("userId", "u-1"), ("eventTypes", "price:update,order:fill,mine")])
    _ = try stage.publish("{\"events\":[\(events.joined(separator: ","))]}")
    return stage.ear.frames(to: stage.id)
  }

  @Test("ten fills of one order within one window arrive as ten")
  func fills() throws {
    let fills = try frames(
      (1...10).map { #"{"type":"order:fill","user":"u-1","key":"ord-123","data":{"filledQty":\#($0)}}"# })
    #expect(fills.count == 10)
    for (count, frame) in zip(1..., fills) { #expect(frame.contains("\"data\":{\"filledQty\":\(count)}")) }
  }

  @Test("ten prices of one symbol within one window arrive as the newest, which counts the others")
  func prices() throws {
    let prices = try frames((1...10).map { #"{"type":"price:update","key":"AAPL","data":{"price":\#($0)}}"# })
    #expect(prices.count == 1)
    #expect(prices.first?.contains("\"folded\":9") == true && prices.first?.contains("{\"price\":10}") == true)
  }

  @Test("ten events of a type that no file knows arrive as ten: nobody said that the earlier ones may go")
  func unknown() throws {
    #expect(try frames((1...10).map { #"{"type":"mine","user":"u-1","key":"k","data":\#($0)}"# }).count == 10)
  }
}
