import Frames
import JSON
import Messaging
import TestSupport
import Testing

@Suite("what a client says")
struct ClientFrameTests {
  @Test(
    "a frame is read as it was written",
    arguments: [
      ClientFrame.subscribe(SubscriptionRequest(names: ["price:update", "stream:*"], keys: ["AAPL", "M*"]), count: 7),
      .subscribe(SubscriptionRequest(names: ["signal"]), count: nil),
      .unsubscribe(SubscriptionRequest(names: ["e\u{301}"], keys: ["\u{301}"]), count: 8),
      .hello(ClientFrame.Hello(subscriptions: SubscriptionRequest(names: []), replay: 1)),
      .hello(
        ClientFrame.Hello(
          subscriptions: SubscriptionRequest(names: ["signal"], keys: ["a\"b"]), cursor: "AQ",
          seen: ["all/signal": 9, "user/\u{1F600}": 0], accepts: [.batch, .gzip, .parts], replay: 3)),
      .ping(count: 2), .ping(count: nil), .pong, .status,
    ])
  func roundTrip(frame: ClientFrame) throws {
    #expect(try ClientFrame(decoding: frame.bytes) == frame, "\(text(frame.bytes))")
  }

  @Test("a hello of too many streams says of as many as one frame holds how far they were seen")
  func longHello() throws {
    var seen: [String: Int64] = [:]
    for number in 0..<500 { seen["all/\(String(repeating: "x", count: 100))\(number)"] = Int64(number) }
    let request = SubscriptionRequest(names: ["signal"])
    let hello = ClientFrame.hello(ClientFrame.Hello(subscriptions: request, cursor: "AQ", seen: seen, replay: 1))
    let bytes = hello.bytes
    #expect(bytes.count <= 32 * 1024 && bytes.count > 31 * 1024)
    guard case .hello(let read) = try ClientFrame(decoding: bytes) else { return #expect(Bool(false), "no hello") }
    #expect(read.subscriptions == request && read.cursor == "AQ")
    #expect(read.seen.count < seen.count && read.seen.allSatisfy { seen[$0.key] == $0.value })
  }

  @Test("no event may bear the type of a frame of the protocol", arguments: ControlType.allCases)
  func reserved(type: ControlType) throws {
    let published = bytes(#"{"type":"\#(type.rawValue)","data":1}"#)
    let refusal = try #require(throws: EventRefusal.self) {
      _ = try Event(published: published, in: 0..<published.count, id: "1-a", timestamp: "")
    }
    #expect(refusal.code == .reservedType)
  }
}
