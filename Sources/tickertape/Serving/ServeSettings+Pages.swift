import Access
import LocalGateway

extension ServeSettings {
  static let maximumAboutBytes = 500

  /// `Pages`, or `/client=Clients/js/src`.
  static func pages(_ text: String, base: String?) throws(CommandFailure) -> PageFolder {
    let separator = text.hasPrefix("/") ? text.firstIndex(of: "=") : nil
    let path = separator.map { String(text[..<$0]) } ?? "/"
    let folder = separator.map { String(text[text.index(after: $0)...]) } ?? text
    guard !folder.isEmpty,
      let page = PageFolder(path: path, folder: System.absolutePath(path: Self.path(path: folder, base: base)))
    else {
      throw CommandFailure(
        code: .usage,
        message: "pages takes FOLDER, or /PATH=FOLDER with letters, digits, -, _ and dots in the path, not '\(text)'")
    }
    guard System.isDirectory(path: page.folder) else {
      throw CommandFailure(
        code: .inputOutput, message: "pages: \(folder) is no folder", advice: ["looked for \(page.folder)"])
    }
    return page
  }

  /// Goes into a Content-Security-Policy, where a space or a semicolon would begin something else.
  static func connectSource(_ text: String) throws(CommandFailure) -> String {
    guard PageOrigin.isOne(text) else {
      throw CommandFailure(
        code: .usage,
        message: "connect-source takes an origin such as wss://api.example.com (\(PageOrigin.rule)), not '\(text)'")
    }
    return text
  }

  static func about(_ text: String) throws(CommandFailure) -> String {
    guard text.utf8.count <= maximumAboutBytes else {
      throw CommandFailure(code: .usage, message: "about takes at most \(maximumAboutBytes) bytes")
    }
    return text
  }
}
