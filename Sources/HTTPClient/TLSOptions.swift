import Telemetry

/// Whom to trust in a TLS handshake. Certificates and host names are always verified, with TLS 1.2 at least.
package struct TLSOptions: Sendable, Equatable {
  /// A PEM file of the roots that are trusted; nil leaves it to libcurl's own choice.
  package var rootsFile: String?

  package init(rootsFile: String? = nil) { self.rootsFile = rootsFile }

  /// The roots that `TrustedRoots` finds in the process's environment, looked for once.
  package static let standard = TLSOptions(rootsFile: TrustedRoots.file(environment: .process))
}
