import LambdaRuntime

LambdaRuntime.run(Decode())
