import Connections
import Messaging
import Synchronization
import Telemetry
import Testing

@Suite("people in the log")
struct PersonalValueTests {
  private func line(_ fields: Log.Fields) -> String {
    let written = Mutex<[UInt8]>([])
    let log = Log(write: { line in written.withLock { $0 = line } })
    log.info("m", fields)
    return String(decoding: written.withLock { $0 }, as: UTF8.self)
  }

  private func value(_ value: Log.Value) -> String {
    String(line(["v": value]).split(separator: #""v":""#).last?.prefix { $0 != "\"" } ?? "")
  }

  @Test("an address or a telephone number is a hash, the same by itself and in the name of the user's stream")
  func hashed() {
    for user in ["anna@example.com", "+49 30 1234567", "0301234567"] {
      let hash = value(.personal(user))
      #expect(hash.hasPrefix("sha256:") && hash.utf8.count == 19, "\(hash)")
      #expect(value(.stream(StreamName.user(user))) == "user/\(hash)")
    }
    #expect(value(.personal("anna@example.com")) != value(.personal("anna@example.org")))
  }

  @Test("any other name stands as it is, and so do streams of types; a group that is called by an address is masked")
  func named() {
    #expect(value(.personal("u-1")) == "u-1" && value(.personal(nil)) == "none")
    #expect(value(.stream("user/u-1")) == "user/u-1" && value(.stream("all/price:update")) == "all/price:update")
    #expect(value(.stream("group/desk@example.com")) == "group/[email]")
  }
}
