package pebble_test

func crashChild() bool { return false }
