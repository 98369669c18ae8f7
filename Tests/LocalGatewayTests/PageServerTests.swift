import Glibc
import HTTPWire
import Telemetry
import TestSupport
import Testing

@testable import LocalGateway

@Suite("Files for browsers", .timeLimit(.minutes(10)))
struct PageServerTests {
  let test: TestLoop
  let folder = TemporaryFolder()

  init() throws {
    test = try TestLoop()
    for name in ["pages", "pages/inner", "pages/.git", "client"] { mkdir(folder.file(name), 0o755) }
    write("pages/index.html", "<!doctype html>")
    write("pages/page.js", String(repeating: "let price = 152.50;\n", count: 20))
    write("pages/icon.svg", "<svg/>")
    write("pages/inner/deep.css", "p{}")
    write("pages/.git/config", "secret")
    write("client/index.js", "export {};")
    write("secret.txt", "secret")
  }

  func write(_ name: String, _ text: String) {
    let descriptor = open(folder.file(name), O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    #expect(Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } == text.utf8.count)
    close(descriptor)
  }

  /// A server with the folders `pages` at `/` and `client` at `/client`.
  func serving(_ use: (HTTPTestClient) throws -> Void) throws {
    let server = try HTTPServer(port: 0, loop: test.loop)
    defer { server.close() }
    var configuration = PageConfiguration()
    configuration.connectSources = ["wss://api.example.com"]
    configuration.folders = [
      try #require(PageFolder(path: "/", folder: folder.file("pages"))),
      try #require(PageFolder(path: "/client", folder: folder.file("client"))),
    ]
    // Half of it: what is asked of the encoding itself is asked of zlib's caller.
    configuration.compress = { Array($0.prefix($0.count / 2)) }
    server.add(
      PageServer(configuration, log: Log(minimum: .fatal) { _ in }, health: { Array(#"{"status":"ok"}"#.utf8) }))
    try use(try HTTPTestClient(port: server.port, test: test))
  }

  @Test(
    "a file has the type of its name, and headers that let it run nothing but itself",
    arguments: zip(
      ["/index.html", "/page.js", "/icon.svg", "/inner/deep.css", "/client/index.js"],
      [
        "text/html; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml", "text/css; charset=utf-8",
        "text/javascript; charset=utf-8",
      ]))
  func types(path: String, type: String) throws {
    try serving { client in
      let answer = try client.request("GET", path)
      #expect(answer.status == 200)
      #expect(answer.headers["content-type"] == type)
      #expect(answer.headers["x-content-type-options"] == "nosniff")
      let policy = try #require(answer.headers["content-security-policy"])
      #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "))
      #expect(policy.contains("connect-src 'self' wss://api.example.com;") && !policy.contains("unsafe"))
    }
  }

  @Test(
    "nothing outside the folder is given away, and nothing hidden in it",
    arguments: [
      "/../secret.txt", "/inner/../../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
      "/client/%2e%2e/secret.txt",
      "/page.js%00", "/%00", "/.git/config", "/inner/..", "/.", "//secret.txt", "/inner//deep.css", "/page.js/",
      "/inner", "/inner/", "/client", "/secret.txt", "/link.txt", "/linked/secret.txt", "/pipe", "/page.js/x",
      "/pages/../..",
      "/\u{5c}..\u{5c}secret.txt", "/page.j%73",
    ])
  func outside(path: String) throws {
    symlink(folder.file("secret.txt"), folder.file("pages/link.txt"))
    symlink(folder.path, folder.file("pages/linked"))
    mkfifo(folder.file("pages/pipe"), 0o644)
    try serving { client in
      for method in ["GET", "POST"] {
        let answer = try client.request(method, path, body: method == "POST" ? [] : nil)
        #expect(answer.status == 404, "\(method) \(path)")
        #expect(!text(answer.body).contains("secret"))
      }
    }
  }

  @Test("a path of two thousand bytes is refused, and a file of more than four megabytes is not read")
  func sizes() throws {
    let descriptor = open(folder.file("pages/large.js"), O_WRONLY | O_CREAT, 0o644)
    ftruncate(descriptor, off_t(PageFile.maximumBytes + 1))
    close(descriptor)
    try serving { client in
      for (path, status) in [("/" + String(repeating: "a", count: 2000), 404), ("/large.js", 500), ("/page.js", 200)] {
        let answer = try client.request("GET", path)
        #expect(answer.status == status)
      }
    }
  }

  @Test("what is there already is not sent again, until it is changed")
  func tags() throws {
    try serving { client in
      let first = try client.request("GET", "/page.js")
      let tag = try #require(first.headers["etag"])
      for known in [tag, "\"other\", W/\(tag)", "*"] {
        let again = try client.request("GET", "/page.js", headers: ["If-None-Match: \(known)"])
        #expect(again.status == 304 && again.body.isEmpty && again.headers["content-length"] == nil)
        #expect(again.headers["etag"] == tag && again.headers["vary"] == "Accept-Encoding")
      }
      #expect(try client.request("GET", "/page.js", headers: ["If-None-Match: \"other\""]).status == 200)
      write("pages/page.js", "let price = 1;")
      let changed = try client.request("GET", "/page.js", headers: ["If-None-Match: \(tag)"])
      #expect(changed.status == 200 && text(changed.body) == "let price = 1;")
      #expect(first.headers["cache-control"] == "no-cache")
    }
  }

  @Test("a text is compressed for whoever takes it so, under a tag of its own; a picture of pixels is not")
  func compression() throws {
    write("pages/shot.png", String(repeating: "x", count: 100))
    try serving { client in
      let plain = try client.request("GET", "/page.js")
      let packed = try client.request("GET", "/page.js", headers: ["Accept-Encoding: br, gzip"])
      #expect(packed.headers["content-encoding"] == "gzip" && packed.body.count == plain.body.count / 2)
      #expect(packed.headers["etag"] != plain.headers["etag"] && plain.headers["content-encoding"] == nil)
      let tag = try #require(packed.headers["etag"])
      let known = ["Accept-Encoding: gzip", "If-None-Match: \(tag)"]
      #expect(try client.request("GET", "/page.js", headers: known).status == 304)
      #expect(try client.request("GET", "/page.js", headers: ["If-None-Match: \(tag)"]).status == 200)
      #expect(
        try client.request("GET", "/page.js", headers: ["Accept-Encoding: gzip;q=0"]).headers["content-encoding"] == nil
      )
      #expect(
        try client.request("GET", "/shot.png", headers: ["Accept-Encoding: gzip"]).headers["content-encoding"] == nil)
    }
  }

  @Test("HEAD says what GET would, without the body; other methods are refused with those that there are")
  func methods() throws {
    try serving { client in
      let head = "HEAD /page.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
      client.client.send(head)
      try test.wait("for the end") { client.client.hasEnded }
      let answer = text(client.client.received)
      #expect(
        answer.hasPrefix("HTTP/1.1 200 ") && answer.contains("Content-Length: 400\r\n") && answer.hasSuffix("\r\n\r\n"))
    }
    for path in ["/", "/page.js"] {
      for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        try serving { client in
          let answer = try client.request(method, path, body: [])
          #expect(answer.status == 405 && answer.headers["allow"] == "GET, HEAD", "\(method) \(path)")
        }
      }
    }
  }

  @Test(
    "the first page is for who names text/html; anybody else is told how the gateway is",
    arguments: [
      ("text/html,application/xhtml+xml,*/*;q=0.8", true), ("application/json, Text/HTML;level=1;q=0.3", true),
      ("*/*", false), ("text/*", false), ("text/html;q=0", false), ("text/html; q=0.000", false), ("text/htmlx", false),
      ("application/json", false),
    ])
  func accept(header: String, isPage: Bool) throws {
    try serving { client in
      let answer = try client.request("GET", "/", headers: ["Accept: \(header)"])
      #expect(answer.status == 200 && answer.headers["vary"] == "Accept, Accept-Encoding")
      #expect(answer.headers["content-type"] == (isPage ? "text/html; charset=utf-8" : "application/json"))
      #expect(text(answer.body) == (isPage ? "<!doctype html>" : #"{"status":"ok"}"#))
      let unasked = try client.request("GET", "/")
      #expect(text(unasked.body) == #"{"status":"ok"}"#)
    }
  }
}
