import JSON

/// One thing that was looked at, and what was found.
struct Check: Equatable {
  enum Verdict: String {
    case fine = "ok"
    /// Nothing is wrong, but the user may want to know.
    case note
    case wrong
  }

  let subject: String
  let verdict: Verdict
  let finding: String
  /// What to do about it, as a command where there is one.
  let advice: String?

  static func fine(_ subject: String, finding: String) -> Check {
    Check(subject: subject, verdict: .fine, finding: finding, advice: nil)
  }

  static func note(_ subject: String, finding: String, advice: String? = nil) -> Check {
    Check(subject: subject, verdict: .note, finding: finding, advice: advice)
  }

  static func wrong(_ subject: String, finding: String, advice: String) -> Check {
    Check(subject: subject, verdict: .wrong, finding: finding, advice: advice)
  }

  /// `wrong  port 8000    another program listens there`, with the advice on a line of its own.
  func lines(terminal: Terminal) -> [ScreenText] {
    let colour: Terminal.Colour =
      switch verdict {
      case .fine: .green
      case .note: .yellow
      case .wrong: .red
      }
    let label: ScreenText = "\(verdict.rawValue)\(String(repeating: " ", count: 5 - verdict.rawValue.count))"
    let name = subject + String(repeating: " ", count: max(0, 18 - subject.count))
    let line: ScreenText = "\(terminal.paint(label, colour: colour))  \(name)  \(finding)"
    return [line] + (advice.map { ["\(String(repeating: " ", count: 27))\($0)"] } ?? [])
  }

  /// `{"ok":false,"checks":[{"subject":…,"verdict":…,"finding":…,"advice":…}]}`
  static func json(_ checks: [Check]) -> [UInt8] {
    var writer = JSONWriter()
    writer.object { writer in
      writer.member("ok", !checks.contains { $0.verdict == .wrong })
      writer.key("checks")
      writer.array { writer in
        for check in checks { check.write(to: &writer) }
      }
    }
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter) {
    writer.object { writer in
      writer.member("subject", subject)
      writer.member("verdict", verdict.rawValue)
      writer.member("finding", finding)
      writer.member("advice", ifPresent: advice)
    }
  }
}
