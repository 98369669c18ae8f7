import Glibc

System.occupyStandardDescriptors()
TerminationSignal.ignoreBrokenPipes()
exit(Tool.run(Array(CommandLine.arguments.dropFirst()), in: .process()).rawValue)
