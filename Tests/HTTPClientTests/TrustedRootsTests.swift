import HTTPClient
import Telemetry
import Testing

@Suite("trusted roots")
struct TrustedRootsTests {
  private func file(_ variables: [String: String], readable: [String]) -> String? {
    TrustedRoots.file(environment: Environment(variables)) { readable.contains($0) }
  }

  private let amazon = "/etc/pki/tls/certs/ca-bundle.crt"
  private let debian = "/etc/ssl/certs/ca-certificates.crt"

  @Test("the file that is named comes before everything, whether it is there or not")
  func named() {
    #expect(file(["TLS_ROOTS": "/mine.pem", "AWS_CA_BUNDLE": "/other.pem"], readable: [debian]) == "/mine.pem")
    #expect(
      file(["AWS_CA_BUNDLE": "/other.pem", "LAMBDA_TASK_ROOT": "/t"], readable: ["/t/roots.pem"]) == "/other.pem")
  }

  @Test("a packaged function trusts the roots that travel with it")
  func shipped() {
    #expect(
      file(["LAMBDA_TASK_ROOT": "/var/task"], readable: ["/var/task/roots.pem", amazon]) == "/var/task/roots.pem")
    #expect(file(["LAMBDA_TASK_ROOT": "/var/task"], readable: [amazon]) == amazon)
  }

  @Test("the system's roots are found where Amazon Linux and Debian keep them, and asked for by name")
  func system() {
    #expect(file([:], readable: [debian]) == debian)
    #expect(file([:], readable: [debian, amazon]) == amazon)
    #expect(file([:], readable: []) == nil)
    let variables = ["TLS_ROOTS": "system", "LAMBDA_TASK_ROOT": "/var/task"]
    #expect(file(variables, readable: ["/var/task/roots.pem", debian]) == debian)
  }

  @Test("servers that are not AWS's are checked by the system's whole list, also where a shorter one was packed")
  func anybody() {
    func file(_ variables: [String: String], readable: [String]) -> String? {
      TrustedRoots.fileForAnybody(environment: Environment(variables)) { readable.contains($0) }
    }
    let packed = ["LAMBDA_TASK_ROOT": "/var/task"]
    #expect(file(packed, readable: ["/var/task/roots.pem", amazon]) == amazon)
    #expect(file(packed, readable: ["/var/task/roots.pem"]) == "/var/task/roots.pem")
    #expect(file(["AWS_CA_BUNDLE": "/other.pem"], readable: [debian]) == debian)
    #expect(file(["TLS_ROOTS": "/mine.pem"], readable: [debian]) == "/mine.pem")
    #expect(file(["TLS_ROOTS": "system"], readable: [debian]) == debian)
  }
}
