/// `tickertape doctor`: is everything there to run?
struct DoctorCommand: Command {
  static let syntax = CommandSyntax(name: "doctor", summary: "Check what the gateway needs, and say what to do.")
  init(_ arguments: Arguments) throws(CommandFailure) {}
  func run(in surroundings: Surroundings) throws(CommandFailure) -> ExitCode { .success }
}
