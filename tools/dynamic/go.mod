module skep/tools/dynamic

go 1.26
