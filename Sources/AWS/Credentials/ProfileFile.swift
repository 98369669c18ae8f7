import Telemetry

/// The settings of profiles as AWS's tools write them to `~/.aws/config` and `~/.aws/credentials`.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
struct ProfileFile: Equatable {
  enum Kind {
    /// Sections are called `[default]` and `[profile name]`; others are no profiles.
    case config
    /// Sections are called by the profile's name.
    case credentials
  }

  /// By profile, then by setting in lower case.
  private(set) var profiles: [String: [String: String]] = [:]

  init(text: String, kind: Kind) {
    var profile: String?
    for line in text.split(whereSeparator: \.isNewline) {
      // An indented line belongs to the setting before: a table of its own, and none that is needed here.
      guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
      if first == "[" {
        profile = Self.profile(line, kind: kind)
        if let profile { profiles[profile, default: [:]].merge([:]) { old, _ in old } }
      } else if let profile, let equals = line.firstIndex(of: "=") {
        let name = Self.trimmed(line[..<equals]).lowercased()
        profiles[profile, default: [:]][name] = Self.value(line[line.index(after: equals)...])
      }
    }
  }

  private static func profile(_ line: Substring, kind: Kind) -> String? {
    let tokens = line.dropFirst().prefix { $0 != "]" }.split { $0 == " " || $0 == "\t" }
    guard let first = tokens.first else { return nil }
    let name = (kind == .config && first == "profile" ? tokens.dropFirst() : tokens[...]).joined(separator: " ")
    if kind == .config, first != "profile", name != "default" { return nil }
    return name.filter { $0 != "\"" && $0 != "'" }
  }

  /// Up to a comment, which has a space before it.
  private static func value(_ text: Substring) -> String {
    for character in [" #", " ;", "\t#", "\t;"] {
      if let comment = text.index(ofText: character) { return value(text[..<comment]) }
    }
    return trimmed(text)
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text.drop { $0.isWhitespace })
  }
}
