import Connections
import Messaging
import TestSupport
import Testing

/// Patterns and channels are the client's own words; whom an event is addressed to is not.
@Suite("whatever a client asks for")
struct OthersEventsTests {
  @Test(
    "nothing that is addressed to another user or another group comes to it, live or from the log",
    arguments: [
      #""eventTypes":["*"]"#, #""eventTypes":["order:*"],"keys":["*"]"#,
      #""eventTypes":["user/u-2","user/*","group/*"]"#,
      #""channels":["user:u-2","user/u-2","stream:*","order:update:*"]"#, #""subscription":"*""#,
      #""eventTypes":["order:update","u-2"],"keys":["u-2","*"]"#, #""data":{"eventTypes":["*","order:update"]}"#,
    ])
  func others(request: String) throws {
    let stage = Stage()
    stage.limits.clientFramesPerSecond = 0
    func publish() throws {
      for audience in [#""user":"u-2""#, #""group":"desk-2""#, #""user":"u-1 ""#, #""user":"U-1""#] {
        _ = try stage.publish("{\"type\":\"order:update\",\"key\":\"o-1\",\(audience),\"data\":\"SECRET\"}")
      }
    }
    try publish()
    _ = try stage.connect([("userId", "u-1"), ("role", "viewer"), ("groups", "desk-1"), ("eventTypes", "*")])
    _ = try stage.say("{\"type\":\"subscribe\",\(request)}")
    try stage.runInvocations()
    try publish()
    let seen = ["user/u-2", "group/desk-2", "all/order:update"].map { "\"\($0)\":0" }.joined(separator: ",")
    _ = try stage.say("{\"type\":\"hello\",\"n\":1,\"accept\":[\"batch\"],\(request),\"seen\":{\(seen)}}")
    try publish()
    #expect(!stage.ear.frames(to: stage.id).contains { $0.contains("SECRET") })
    // Its own come.
    _ = try stage.publish(#"{"type":"order:update","key":"o-1","user":"u-1","data":"MINE"}"#)
    try stage.runInvocations()
    let status = try #require(try stage.say(#"{"type":"status"}"#))
    #expect(status.contains(#""stream":"user/u-1""#))
    #expect(!status.contains("\"stream\":\"user/u-2") && !status.contains("\"stream\":\"group/desk-2"))
  }
}
