/// A command's arguments, sorted by their names.
///
/// `--name value`, `--name=value` and `--name` are options, `--` ends them, `-` alone (standard input) and everything
/// else are operands. A value after a space may begin with one dash (`--data -5`) but not with two.
struct Arguments: Equatable {
  private(set) var operands: [String] = []
  private var options: [String: [String]] = [:]

  init(_ tokens: some Sequence<String>, for syntax: CommandSyntax) throws(CommandFailure) {
    var rest = Array(tokens)[...]
    while let token = rest.popFirst() {
      if token == "--" {
        operands += rest
        break
      }
      if token == "-h" {
        options[OptionSyntax.help.name, default: []].append("")
      } else if token.hasPrefix("-"), token != "-" {
        try readOption(token, rest: &rest, syntax: syntax)
      } else {
        operands.append(token)
      }
    }
    guard operands.count <= syntax.maximumOperands || asksForHelp else {
      throw CommandFailure(
        code: .usage, message: "\(syntax.name) does not know what to do with '\(operands[syntax.maximumOperands])'",
        advice: ["usage: tickertape \(syntax.name) \(syntax.operands.isEmpty ? "" : syntax.operands + " ")[options]"])
    }
  }

  var asksForHelp: Bool { has(OptionSyntax.help.name) }

  func has(_ name: String) -> Bool { options[name] != nil }

  func value(_ name: String) -> String? { options[name]?.last }

  /// The values of a repeatable option, in order.
  func values(_ name: String) -> [String] { options[name] ?? [] }

  /// The values of a repeatable option that also takes several at once, separated by commas: `--key AAPL,MSFT`.
  func list(_ name: String) -> [String] {
    values(name).flatMap { $0.split(separator: ",").map(String.init) }
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(CommandFailure) -> Int? {
    guard let text = value(name) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      let allowed =
        range.upperBound == .max ? "of \(range.lowerBound) or more" : "from \(range.lowerBound) to \(range.upperBound)"
      throw CommandFailure(code: .usage, message: "--\(name) takes a whole number \(allowed), not '\(text)'")
    }
    return number
  }

  /// A number above zero, with or without a fraction.
  func positiveNumber(_ name: String) throws(CommandFailure) -> Double? {
    guard let text = value(name) else { return nil }
    guard let number = Double(text), number > 0, number.isFinite else {
      throw CommandFailure(code: .usage, message: "--\(name) takes a number above zero, not '\(text)'")
    }
    return number
  }

  // MARK: Reading

  private mutating func readOption(
    _ token: String, rest: inout ArraySlice<String>, syntax: CommandSyntax
  ) throws(CommandFailure) {
    let text = token.drop { $0 == "-" }
    let name = String(text.prefix { $0 != "=" })
    guard token.hasPrefix("--"), let option = syntax.option(named: name) else {
      throw Self.unknownOption(token.hasPrefix("--") ? "--\(name)" : token, in: syntax)
    }
    let attached = name.utf8.count < text.utf8.count ? String(text.dropFirst(name.count + 1)) : nil
    let value = try Self.value(of: option, attached: attached, rest: &rest)
    guard option.isRepeatable || options[name] == nil else {
      throw CommandFailure(code: .usage, message: "--\(name) is given twice")
    }
    options[name, default: []].append(value)
  }

  private static func value(
    of option: OptionSyntax, attached: String?, rest: inout ArraySlice<String>
  ) throws(CommandFailure) -> String {
    guard let placeholder = option.value else {
      guard attached == nil else { throw CommandFailure(code: .usage, message: "--\(option.name) takes no value") }
      return ""
    }
    if let attached { return attached }
    guard let next = rest.first, !next.hasPrefix("--") else {
      throw CommandFailure(code: .usage, message: "--\(option.name) needs a value: --\(option.name) \(placeholder)")
    }
    rest.removeFirst()
    return next
  }

  private static func unknownOption(_ token: String, in syntax: CommandSyntax) -> CommandFailure {
    let names = syntax.options.map { "--\($0.name)" } + ["--help"]
    return CommandFailure(
      code: .usage, message: "unknown option \(token)\(Suggestion.phrase(for: token, among: names))",
      advice: ["'tickertape \(syntax.name) --help' lists the options"])
  }
}
