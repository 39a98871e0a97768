// Go's net/http: so many GETs, so many at a time; its figures as JSON.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	url, err := url.Parse(os.Args[1])
	check(err)
	body, warmUp := number(2), number(3)
	requests, inFlight, threads := number(4), number(5), number(6)
	runtime.GOMAXPROCS(threads)
	client := &http.Client{Transport: &http.Transport{
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: inFlight,
		DisableCompression:  true,
	}}
	fetch(client, url, body, warmUp, inFlight)
	before, begun := usage(), time.Now()
	fetch(client, url, body, requests, inFlight)
	wall, after := time.Since(begun), usage()
	json.NewEncoder(os.Stdout).Encode(map[string]int64{
		"wall_ns":   wall.Nanoseconds(),
		"user_ns":   after.Utime.Nano() - before.Utime.Nano(),
		"system_ns": after.Stime.Nano() - before.Stime.Nano(),
		"peak":      after.Maxrss * 1024,
	})
}

func fetch(client *http.Client, url *url.URL, body, requests, inFlight int) {
	left := int64(requests)
	var workers sync.WaitGroup
	for worker := 0; worker < inFlight; worker++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for atomic.AddInt64(&left, -1) >= 0 {
				get(client, url, body)
			}
		}()
	}
	workers.Wait()
}

func get(client *http.Client, url *url.URL, body int) {
	// An empty user agent is not sent.
	headers := http.Header{"Accept": {"*/*"}, "User-Agent": {""}}
	request := &http.Request{Method: "GET", URL: url, Header: headers}
	response, err := client.Do(request)
	check(err)
	read, err := io.ReadAll(response.Body)
	check(err)
	response.Body.Close()
	if len(read) != body {
		panic("a body of another length")
	}
}

func usage() syscall.Rusage {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage
}

func number(place int) int {
	number, err := strconv.Atoi(os.Args[place])
	check(err)
	return number
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
