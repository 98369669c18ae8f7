// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "WhoAmI",
  dependencies: [.package(name: "tickertape", path: "../..")],
  targets: [
    .executableTarget(name: "WhoAmI", dependencies: [.product(name: "LambdaRuntime", package: "tickertape")])
  ]
)
