import JSON
import TestSupport
import Testing

@testable import LambdaEvents

@Suite("Answers over HTTP")
struct HTTPAnswerTests {
  private let answer = HTTPAnswer(
    200, headers: [("Content-Type", "text/plain"), ("Vary", "Origin"), ("vary", "Cookie")],
    cookies: ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2"], body: bytes("hello"))

  @Test("format 2.0 joins fields of one name and has cookies of their own")
  func format2() {
    #expect(
      text(answer.encoded(for: .functionURL))
        == #"{"statusCode":200,"headers":{"Content-Type":"text/plain","Vary":"Origin, Cookie"},"#
        + #""cookies":["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT","b=2"],"body":"hello","isBase64Encoded":false}"#)
  }

  @Test("a REST API's answer has fields that come several times, cookies among them")
  func format1() {
    #expect(
      text(answer.encoded(for: .restAPI))
        == #"{"statusCode":200,"headers":{"Content-Type":"text/plain"},"multiValueHeaders":{"Vary":["Origin","Cookie"],"#
        + #""Set-Cookie":["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT","b=2"]},"body":"hello","isBase64Encoded":false}"#
    )
  }

  @Test("a prelude has no body; cookies are cookies to both fronts, several values only to REST")
  func prelude() {
    let nulls = String(repeating: "\0", count: 8)
    #expect(
      text(answer.prelude(for: .functionURL))
        == #"{"statusCode":200,"headers":{"Content-Type":"text/plain","Vary":"Origin, Cookie"},"#
        + #""cookies":["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT","b=2"]}"# + nulls)
    #expect(
      text(answer.prelude(for: .restAPI))
        == #"{"statusCode":200,"headers":{"Content-Type":"text/plain"},"multiValueHeaders":{"Vary":["Origin","Cookie"]},"#
        + #""cookies":["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT","b=2"]}"# + nulls)
  }

  @Test(
    "an answer arrives as it was given, whichever front reads it, binary bodies in base64",
    arguments: HTTPFront.allCases)
  func roundTrip(front: HTTPFront) throws {
    for body in [bytes("hello é"), [], [0xFF, 0x00], [UInt8](repeating: 0, count: 9)] {
      var sent = answer
      sent.body = body
      let read = try HTTPAnswer(decoding: sent.encoded(for: front), from: front)
      #expect(read.status == 200)
      #expect(read.body == body)
      #expect(read.cookies == answer.cookies)
      #expect(
        read.headers.filter { $0.name.lowercased() == "vary" }.map(\.value).joined(separator: ", ") == "Origin, Cookie")
      let prelude = try HTTPAnswer(prelude: Array(sent.prelude(for: front).dropLast(8)), from: front)
      #expect(prelude.cookies == answer.cookies && prelude.headers.count == read.headers.count)
    }
  }

  @Test("of format 2.0 a document without a status is the body of a 200; a REST API takes no such one")
  func withoutStatus() throws {
    for document in [#"{"a":1}"#, "[1]", #""text""#, "7", "null"] {
      let read = try HTTPAnswer(decoding: bytes(document), from: .functionURL)
      #expect(read.status == 200 && text(read.body) == document)
      #expect(read.headers.map(\.value) == ["application/json"])
      #expect(throws: HTTPAnswerError.self) { try HTTPAnswer(decoding: bytes(document), from: .restAPI) }
    }
  }

  @Test("members of the other format are not read")
  func otherFormat() throws {
    let document = bytes(
      #"{"statusCode":"201","headers":{"A":1,"B":true,"C":null},"multiValueHeaders":{"A":["x","y"]},"cookies":["c=1"]}"#
    )
    let url = try HTTPAnswer(decoding: document, from: .functionURL)
    #expect(url.status == 201 && url.cookies == ["c=1"])
    #expect(url.headers.map { "\($0.name)=\($0.value)" } == ["A=1", "B=true"])
    let rest = try HTTPAnswer(decoding: document, from: .restAPI)
    #expect(rest.cookies.isEmpty)
    #expect(rest.headers.map { "\($0.name)=\($0.value)" } == ["B=true", "A=x", "A=y"])
  }

  @Test("nothing that a function answers begins another header, or frames the body", arguments: HTTPFront.allCases)
  func headerInjection(front: HTTPFront) throws {
    let hostile = [
      ("X-A", "1\r\nSet-Cookie: admin=1"), ("X-B\r\nX-C", "1"), ("X D", "1"), ("", "1"), ("X-E", "\0"),
      ("Content-Length", "3"), ("Transfer-Encoding", "chunked"), ("connection", "close"), ("X-Good", "1"),
    ].map { (name: $0.0, value: $0.1) }
    let written = HTTPAnswer(200, headers: hostile, cookies: ["a=1\r\nX: 1", "b=2"]).encoded(for: front)
    #expect(!text(written).contains("admin"))
    #expect(text(written).contains("X-Good"))
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("statusCode", 200)
      writer.key("headers")
      writer.object { writer in
        for (name, value) in hostile { writer.member(name, value) }
      }
      writer.key(front == .restAPI ? "multiValueHeaders" : "cookies")
      if front == .restAPI {
        writer.object { writer in
          writer.key("Set-Cookie")
          writer.array { writer in
            writer.string("a=1\r\nX: 1")
            writer.string("b=2")
          }
        }
      } else {
        writer.array { writer in
          writer.string("a=1\r\nX: 1")
          writer.string("b=2")
        }
      }
    }
    let read = try HTTPAnswer(decoding: writer.bytes, from: front)
    #expect(read.headers.map(\.name) == ["X-Good"])
    #expect(read.cookies == ["b=2"])
  }

  @Test("what no front takes is refused")
  func refused() {
    for document in [
      #"{"statusCode":99}"#, #"{"statusCode":600}"#, #"{"statusCode":"many"}"#, #"{"statusCode":1e3}"#,
      #"{"statusCode":200,"headers":[]}"#, #"{"statusCode":200,"body":"%","isBase64Encoded":true}"#,
      #"{"statusCode":200"#, "", #"{"statusCode":200,"isBase64Encoded":"yes"}"#, #"{"statusCode":200,"headers":{"A":{"#,
    ] {
      for front in HTTPFront.allCases {
        #expect(throws: HTTPAnswerError.self, "\(document)") { try HTTPAnswer(decoding: bytes(document), from: front) }
      }
    }
    #expect(throws: HTTPAnswerError.self) {
      try HTTPAnswer(prelude: bytes(#"{"statusCode":200,"body":"x"}"#), from: .restAPI)
    }
    #expect(throws: HTTPAnswerError.self) { try HTTPAnswer(prelude: bytes("[]"), from: .functionURL) }
    #expect(throws: HTTPAnswerError.self) { try HTTPAnswer(prelude: [], from: .functionURL) }
  }

  // MARK: The prelude's end

  @Test("the end of a prelude is found wherever its bytes are cut")
  func cuts() {
    let prelude = bytes(#"{"statusCode":200}"#)
    let stream = prelude + PreludeReader.delimiter + [0, 0, 0x61]
    for first in 0...stream.count {
      for second in first...stream.count {
        var reader = PreludeReader()
        var body: [UInt8]?
        for piece in [stream[..<first], stream[first..<second], stream[second...]] {
          if body != nil { body? += piece; continue }
          guard case .whole(let found, let rest) = reader.consume(piece) else { continue }
          #expect(found == prelude)
          body = Array(rest)
        }
        #expect(body == [0, 0, 0x61])
      }
    }
  }

  @Test("seven NULs are no end, and one that does not come in sixteen kilobytes is not waited for")
  func noEnd() {
    var reader = PreludeReader()
    #expect(reader.consume(bytes("{}") + [0, 0, 0, 0, 0, 0, 0, 1]) == .incomplete)
    #expect(reader.consume([UInt8](repeating: 0x20, count: 17_000)) == .tooLarge)
    var atTheLimit = PreludeReader()
    let prelude = [UInt8](repeating: 0x20, count: PreludeReader.maximumBytes)
    #expect(atTheLimit.consume(prelude + PreludeReader.delimiter) == .whole(prelude: prelude, body: []))
  }
}
