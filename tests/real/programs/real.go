// SPDX-License-Identifier: Apache-2.0

// usage: real CHILD: goroutines that start programs, and copies of itself that fail beside living threads.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

var (
	ended = map[string]int{}
	lock  sync.Mutex
)

func start(name string, words ...string) {
	command := exec.Command(words[0], words[1:]...)
	if err := command.Run(); err != nil && command.ProcessState == nil {
		panic(err)
	}
	status := command.ProcessState.Sys().(syscall.WaitStatus)
	code := status.ExitStatus()
	if status.Signaled() {
		code = -int(status.Signal())
	}
	lock.Lock()
	ended[fmt.Sprint(name, " ", code)]++
	lock.Unlock()
}

func endBesideThreads(how string) {
	var up sync.WaitGroup
	for i := 0; i < 6; i++ {
		up.Add(1)
		go func() {
			runtime.LockOSThread()
			up.Done()
			time.Sleep(time.Minute)
		}()
	}
	up.Wait()
	if how == "panic" {
		panic("as it should")
	}
	os.Exit(122)
}

func main() {
	if os.Args[1] == "--end" {
		endBesideThreads(os.Args[2])
	}
	var all sync.WaitGroup
	for i := 0; i < 20; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			start("child", os.Args[1], "-c", "exit 7")
			start("child", os.Args[1], "-c", "kill -KILL $$")
			start("child", os.Args[1], "-c", "exit 0")
			start("itself", os.Args[2], "--end", "exit")
			start("itself", os.Args[2], "--end", "panic")
		}()
	}
	all.Wait()
	line, _ := json.Marshal(ended)
	fmt.Println("ENDED", string(line))
}
