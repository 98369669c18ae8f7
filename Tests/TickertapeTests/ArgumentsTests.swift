import Testing

@testable import tickertape

@Suite("The command line")
struct ArgumentsTests {
  static let syntax = CommandSyntax(
    name: "test", summary: "", operands: "FILE", maximumOperands: 1,
    options: [
      .value("port", value: "N", help: ""), .value("key", value: "KEY", help: "", isRepeatable: true),
      .value("data", value: "JSON", help: ""),
      .flag("json", help: ""),
    ])

  func read(_ words: String...) throws(CommandFailure) -> Arguments { try Arguments(words, for: Self.syntax) }

  func refusal(_ words: String...) -> CommandFailure? {
    do throws(CommandFailure) {
      _ = try Arguments(words, for: Self.syntax)
      return nil
    } catch {
      return error
    }
  }

  @Test("options take their values after a space or an equals sign, in any order with operands")
  func forms() throws {
    let arguments = try read("--port", "80", "file", "--key=a=b", "--json", "--key", "c")
    #expect(arguments.value("port") == "80")
    #expect(arguments.values("key") == ["a=b", "c"])
    #expect(arguments.has("json"))
    #expect(arguments.operands == ["file"])
  }

  @Test("a repeated option and commas give one list")
  func lists() throws {
    #expect(try read("--key", "AAPL,MSFT", "--key", "GE").list("key") == ["AAPL", "MSFT", "GE"])
  }

  @Test("two dashes end the options, one dash is an operand, a value may begin with one")
  func dashes() throws {
    #expect(try read("--", "--port").operands == ["--port"])
    #expect(try read("-").operands == ["-"])
    #expect(try read("--data", "-5").value("data") == "-5")
    #expect(try read("--data=--x").value("data") == "--x")
    #expect(try read("--data=").value("data") == "")
  }

  @Test("an unknown option is named, with the nearest known one")
  func unknown() {
    #expect(refusal("--prot", "80")?.message == "unknown option --prot; did you mean --port?")
    #expect(refusal("--prot=80")?.message == "unknown option --prot; did you mean --port?")
    #expect(refusal("--jsn")?.code == .usage)
    #expect(refusal("--wonderful")?.message == "unknown option --wonderful")
    #expect(refusal("-p")?.message.hasPrefix("unknown option -p") == true)
  }

  @Test("a missing value, a value too many, a repetition and an operand too many are refused")
  func refusals() {
    #expect(refusal("--port")?.message == "--port needs a value: --port N")
    #expect(refusal("--port", "--json")?.message == "--port needs a value: --port N")
    #expect(refusal("--json=1")?.message == "--json takes no value")
    #expect(refusal("--port", "1", "--port", "2")?.message == "--port is given twice")
    #expect(refusal("a", "b")?.message == "test does not know what to do with 'b'")
  }

  @Test("numbers are checked against their range")
  func numbers() throws {
    #expect(try read("--port", "80").integer("port", in: 1...100) == 80)
    #expect(try read().integer("port", in: 1...100) == nil)
    for word in ["0", "101", "x", "1.5", ""] {
      #expect(throws: CommandFailure.self) { try read("--port=\(word)").integer("port", in: 1...100) }
    }
    #expect(try read("--port", "0.5").positiveNumber("port") == 0.5)
    for word in ["0", "-1", "nan", "inf", "x"] {
      #expect(throws: CommandFailure.self) { try read("--port=\(word)").positiveNumber("port") }
    }
  }

  @Test("--help wins over everything else that stands there")
  func help() throws {
    #expect(try read("a", "b", "c", "--help").asksForHelp)
    #expect(try read("-h").asksForHelp)
  }

  @Test("the nearest token is found through swaps, gaps and beginnings, and nothing far away is")
  func suggestions() {
    let known = ["serve", "publish", "watch", "feed", "doctor"]
    #expect(Suggestion.nearest(to: "sevre", among: known) == "serve")
    #expect(Suggestion.nearest(to: "publsh", among: known) == "publish")
    #expect(Suggestion.nearest(to: "WATCH", among: known) == "watch")
    #expect(Suggestion.nearest(to: "doc", among: known) == "doctor")
    #expect(Suggestion.nearest(to: "elephant", among: known) == nil)
  }
}

@Suite("The tool")
struct ToolTests {
  @Test("without a command it shows its help as an error, with --help as a result")
  func overview() {
    let first = Screen()
    #expect(first.run() == .usage)
    #expect(first.errorText.contains("usage: tickertape COMMAND"))
    #expect(first.output.isEmpty)
    let second = Screen()
    #expect(second.run("--help") == .success)
    for command in Tool.commands { #expect(second.outputText.contains("  \(command.syntax.name) ")) }
    for code in ExitCode.allCases { #expect(second.outputText.contains(code.meaning)) }
  }

  @Test("every command explains itself: options, examples that it accepts, exit codes")
  func pages() throws {
    for command in Tool.commands {
      let screen = Screen()
      #expect(screen.run(command.syntax.name, "--help") == .success)
      for option in command.syntax.options { #expect(screen.outputText.contains("--\(option.name)")) }
      #expect(screen.outputText.contains("130"))
      #expect(screen.outputText.split(separator: "\n").allSatisfy { $0.count <= 120 }, "\(command.syntax.name)")
      #expect(!command.syntax.examples.isEmpty)
    }
  }

  @Test("the version is one line")
  func version() {
    let screen = Screen()
    #expect(screen.run("--version") == .success)
    #expect(screen.outputText == "tickertape \(Tool.version)\n")
  }

  @Test("an unknown command is named, with the nearest known one, on standard error")
  func unknown() {
    let screen = Screen()
    #expect(screen.run("sevre") == .usage)
    #expect(screen.errorText.hasPrefix("tickertape: unknown command sevre; did you mean serve?\n"))
    #expect(screen.output.isEmpty)
  }

  @Test("colours are only painted where there are colours, and control characters are shown")
  func colours() {
    #expect(Screen().terminal().paint("x", colour: .red) == "x")
    #expect(Screen().terminal(hasColours: true).paint("x", colour: .red) == "\u{1B}[31mx\u{1B}[0m")
    #expect(ScreenText.escaped("a\u{1B}[2Jb\u{7}\u{9B}") == "a\\u001b[2Jb\\u0007\\u009b")
    #expect(ScreenText.escaped("été 📈") == "été 📈")
  }

  @Test("a reader that went away is no message, a full disk is")
  func brokenOutput() {
    func run(_ number: Int32) -> (ExitCode, String) {
      let screen = Screen()
      let terminal = Terminal(
        output: { _ throws(SystemFailure) in throw SystemFailure("write", number: number) },
        errors: { bytes throws(SystemFailure) in screen.remember(bytes) })
      return (Tool.run(["--version"], in: CommandContext(terminal: terminal)), screen.errorText)
    }
    #expect(run(32) == (.inputOutput, ""))
    #expect(run(28) == (.inputOutput, "tickertape: cannot write to standard output: No space left on device\n"))
  }
}
