// swift-tools-version: 6.2
import PackageDescription

let products = ["LambdaEvents", "LambdaRuntime", "TickertapeHandlers"]

let package = Package(
  name: "Parcels",
  dependencies: [.package(name: "tickertape", path: "../..")],
  targets: [
    .executableTarget(name: "Parcels", dependencies: products.map { .product(name: $0, package: "tickertape") })
  ]
)
