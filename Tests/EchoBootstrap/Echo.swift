import LambdaRuntime

/// A function for the system tests: it does what the event asks for.
struct Echo: LambdaHandler {
  mutating func handle(_ event: [UInt8], _ context: InvocationContext) throws -> [UInt8] { event }
}
