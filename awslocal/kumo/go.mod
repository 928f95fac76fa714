module github.com/sivchari/kumo/inprocess

go 1.26.0

require github.com/sivchari/kumo v0.33.1

require github.com/google/uuid v1.6.0 // indirect
