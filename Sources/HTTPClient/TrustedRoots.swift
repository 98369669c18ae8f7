import Glibc
package import Telemetry

/// Which file of root certificates is trusted.
package enum TrustedRoots {
  /// Amazon Linux, Debian, Fedora.
  static let systemFiles = [
    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  ]

  /// In this order: `TLS_ROOTS`, a file's path or `system`; `AWS_CA_BUNDLE`, as AWS's own tools read it; the roots AWS
  /// uses, which travel with a packaged function (reading all of a system's takes 35 ms of CPU, half a second at 128
  /// MB); the system's. Nil, libcurl's own choice, if there is none of them.
  package static func file(
    environment: Environment, isReadable: (String) -> Bool = { access($0, R_OK) == 0 }
  ) -> String? {
    let system = systemFiles.first(where: isReadable)
    switch environment["TLS_ROOTS"] {
    case "system"?: return system
    case let path?: return path
    case nil: break
    }
    if let path = environment["AWS_CA_BUNDLE"] { return path }
    if let shipped = environment["LAMBDA_TASK_ROOT"].map({ $0 + "/roots.pem" }), isReadable(shipped) { return shipped }
    return system
  }

  /// For servers that are not AWS's, such as an identity provider's: `TLS_ROOTS`, else the system's whole list.
  package static func fileForAnybody(
    environment: Environment, isReadable: (String) -> Bool = { access($0, R_OK) == 0 }
  ) -> String? {
    environment["TLS_ROOTS"].flatMap { $0 == "system" ? nil : $0 } ?? systemFiles.first(where: isReadable)
      ?? file(environment: environment, isReadable: isReadable)
  }
}
