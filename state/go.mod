module skep/state

go 1.26
