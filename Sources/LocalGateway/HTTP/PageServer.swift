import HTTPWire
import JSON
import Telemetry

/// What is served beside the API.
package struct PageConfiguration {
  package var folders: [PageFolder] = []
  /// What the page is to say that it shows.
  package var about: String?
  /// RFC 1952; nil where a text is sent as it stands.
  package var compress: ([UInt8]) -> [UInt8]? = { _ in nil }
  /// Whom the page may talk to beside this address, as a Content-Security-Policy names it: `wss://api.example.com`.
  package var connectSources: [String] = []

  package init() {}
}

/// Files by GET and HEAD, and at `/` the gateway's health, for whoever does not ask for HTML.
final class PageServer: HTTPRequestHandler {
  private let configuration: PageConfiguration
  private let log: Log
  /// Its members, in JSON.
  private let health: () -> [UInt8]
  /// Compressed texts by their tags.
  private var compressed: [String: [UInt8]] = [:]

  init(_ configuration: PageConfiguration, log: Log, health: @escaping () -> [UInt8]) {
    self.configuration = configuration
    self.log = log
    self.health = health
  }

  func handle(_ request: HTTPRequest, responder: HTTPResponder) -> Bool {
    guard let names = PagePath.names(request.path) else { return false }
    let isRoot = names.isEmpty
    let answersHealth = isRoot && (!HTTPPreference.accepts("text/html", in: request.headers) || !hasFrontPage)
    let found: (file: PageFile, name: String)?
    do {
      found = answersHealth ? nil : try file(names)
    } catch {
      log.error("cannot read a page's file", ["path": .text(String(request.path)), "error": .text(error.description)])
      responder.refuse(status: 500, message: "Internal Server Error")
      return true
    }
    guard answersHealth || found != nil else { return false }
    guard request.method == "GET" || request.method == "HEAD" else {
      responder.refuse(status: 405, message: "Method Not Allowed", headers: [(name: "Allow", value: "GET, HEAD")])
      return true
    }
    let vary = isRoot ? "Accept, Accept-Encoding" : "Accept-Encoding"
    if let found {
      respond(found.file, name: found.name, vary: vary, request: request, responder: responder)
    } else {
      let headers = headers(type: "application/json", vary: vary)
      responder.respond(status: 200, headers: headers, body: health())
    }
    return true
  }

  // MARK: Files

  private var hasFrontPage: Bool { configuration.folders.contains { $0.prefix.isEmpty } }

  /// The one of the folder that is meant most closely.
  private func file(_ names: [String]) throws(SystemError) -> (file: PageFile, name: String)? {
    let nearest = configuration.folders.filter { $0.names(below: names) != nil }.max {
      $0.prefix.count < $1.prefix.count
    }
    guard let nearest, var below = nearest.names(below: names) else { return nil }
    if below.isEmpty { below = ["index.html"] }
    guard let file = try PageFile.read(below, in: nearest.folder), let name = below.last else { return nil }
    return (file, name)
  }

  private func respond(
    _ file: PageFile, name: String, vary: String, request: HTTPRequest, responder: HTTPResponder
  ) {
    let type = PageFile.contentType(name: name)
    var bytes = file.bytes
    var tag = file.tag
    var headers = headers(type: type, vary: vary)
    if PageFile.isText(contentType: type), request.headers.contains("accept-encoding", token: "gzip"),
      let smaller = compress(file)
    {
      bytes = smaller
      tag += "-gzip"
      headers.append((name: "Content-Encoding", value: "gzip"))
    }
    headers.append((name: "ETag", value: "\"\(tag)\""))
    if HTTPPreference.matches(tag: tag, request.headers) {
      responder.respond(status: 304, headers: headers)
    } else {
      responder.respond(status: 200, headers: headers, body: bytes)
    }
  }

  private func compress(_ file: PageFile) -> [UInt8]? {
    if let known = compressed[file.tag] { return known }
    guard let result = configuration.compress(file.bytes), result.count < file.bytes.count else { return nil }
    // Of files that are changed again and again the older states are of no use.
    if compressed.count >= 64 { compressed = [:] }
    compressed[file.tag] = result
    return result
  }

  // MARK: Headers

  /// Only what this address serves is run, styled and shown, and nothing that stands in the HTML itself.
  private var policy: String {
    let connect = (["'self'"] + configuration.connectSources).joined(separator: " ")
    return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src \(connect); "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  }

  private func headers(type: String, vary: String) -> [(name: String, value: String)] {
    [
      (name: "Content-Type", value: type),
      (name: "Cache-Control", value: "no-cache"),
      (name: "Vary", value: vary),
      (name: "Content-Security-Policy", value: policy),
      (name: "X-Content-Type-Options", value: "nosniff"),
      (name: "Referrer-Policy", value: "no-referrer"),
      (name: "Cross-Origin-Resource-Policy", value: "same-origin"),
    ]
  }
}

extension Gateway {
  /// `{"status":"ok","stage":"dev","connections":3}`
  func health() -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("status", "ok")
      writer.member("stage", configuration.stage)
      writer.member("connections", connections.count)
      writer.member("about", ifPresent: configuration.pages.about)
    }
    return writer.bytes
  }
}
