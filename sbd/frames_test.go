package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"reflect"
	"syscall"
	"testing"
)

// vectors are shared with the courier's side.
type vectors struct {
	Good []struct {
		Hex   string
		Frame map[string]any
	}
	Bad     []struct{ What, Hex string }
	Skipped []struct{ What, Hex string }

	ConnectRequests []struct {
		Line    string
		Request map[string]any
	}
	BadConnectRequests []struct{ What, Line string }

	WatchRequests []struct {
		Line    string
		Request map[string]any
	}
	WatchEvents []struct {
		Line  string
		Event map[string]any
	}
}

func readVectors(t testing.TB) (v vectors) {
	text, err := os.ReadFile("../src/wire/hand/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

var typeNames = map[string]byte{
	"hello": typeHello, "welcome": typeWelcome, "proof": typeProof, "open": typeOpen, "openPart": typeOpenPart, "data": typeData,
	"credit": typeCredit, "eof": typeEOF, "resize": typeResize, "signal": typeSignal, "exit": typeExit, "error": typeError,
	"started": typeStarted, "result": typeResult, "notice": typeNotice, "ping": typePing, "pong": typePong, "close": typeClose,
	"connected": typeConnected,
}

func unhex(t testing.TB, text string) []byte {
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func decode(raw []byte) (frame, error) {
	return readFrame(bytes.NewReader(raw), make([]byte, headerBytes+payloadMax))
}

func TestFramesAreWhatTheVectorsSay(t *testing.T) {
	for _, vector := range readVectors(t).Good {
		f, err := decode(unhex(t, vector.Hex))
		if err != nil {
			t.Fatal(err)
		}
		meaning := vector.Frame
		if f.kind != typeNames[meaning["type"].(string)] || float64(f.stream) != meaning["stream"] {
			t.Errorf("%v was read as type %d of stream %d", meaning, f.kind, f.stream)
		}
		if got := meaningOf(t, f); !reflect.DeepEqual(got, without(meaning, "type", "stream")) {
			t.Errorf("%v was read as %v", meaning, got)
		}
	}
}

func without(m map[string]any, keys ...string) map[string]any {
	rest := map[string]any{}
	for key, value := range m {
		rest[key] = value
	}
	for _, key := range keys {
		delete(rest, key)
	}
	return rest
}

// meaningOf reads a frame as sbd does, and writes what it has read as the vectors do.
func meaningOf(t *testing.T, f frame) map[string]any {
	bodies := map[byte]any{
		typeHello: &hello{}, typeWelcome: &welcome{}, typeProof: &proof{}, typeExit: &exit{}, typeError: &failure{}, typeStarted: &started{},
		typeResult: &left{}, typeNotice: &notice{},
	}
	if body := bodies[f.kind]; body != nil {
		if err := strict(f.payload, body); err != nil {
			t.Fatal(err)
		}
		again, _ := json.Marshal(body)
		if !bytes.Equal(again, f.payload) && f.kind != typeExit {
			t.Errorf("%s is written as %s", f.payload, again)
		}
		var plain map[string]any
		json.Unmarshal(again, &plain)
		return map[string]any{"body": plain}
	}
	switch f.kind {
	case typeData, typeCredit, typeEOF:
		channel, offset, raw, err := f.onChannel()
		if err != nil {
			t.Fatal(err)
		}
		name := map[byte]string{typeData: "offset", typeCredit: "upTo", typeEOF: "total"}[f.kind]
		meaning := map[string]any{"channel": float64(channel), name: float64(offset)}
		if f.kind == typeData {
			meaning["bytes"] = hex.EncodeToString(raw)
		}
		return meaning
	case typeResize:
		window, _ := f.size()
		return map[string]any{"rows": float64(window.Rows), "columns": float64(window.Columns)}
	case typeSignal:
		signal, scope, _ := f.signal()
		return map[string]any{"signal": float64(signal), "scope": signalScopes[scope]}
	case typeClose, typeConnected:
		return map[string]any{}
	}
	return map[string]any{"bytes": hex.EncodeToString(f.payload)}
}

func TestConnectionsAreAskedForAsTheVectorsSay(t *testing.T) {
	v := readVectors(t)
	for _, vector := range v.ConnectRequests {
		var r request
		if err := strict([]byte(vector.Line), &r); err != nil || r.demandPort() != nil {
			t.Fatal(vector.Line, err)
		}
		read := map[string]any{"op": r.Op, "port": float64(r.Port)}
		if r.User != "" {
			read["user"] = r.User
		}
		if !reflect.DeepEqual(read, vector.Request) {
			t.Errorf("%s was read as %v", vector.Line, read)
		}
	}
	for _, vector := range v.BadConnectRequests {
		var r request
		err := strict([]byte(vector.Line), &r)
		if err == nil {
			err = r.demandPort()
		}
		if why, ok := err.(*failure); !ok || why.Reason != badRequest {
			t.Errorf("%s: %v", vector.What, err)
		}
	}
}

func TestWatchesAreWhatTheVectorsSay(t *testing.T) {
	v := readVectors(t)
	for _, vector := range v.WatchRequests {
		var r request
		if err := strict([]byte(vector.Line), &r); err != nil {
			t.Fatal(err)
		}
		read := map[string]any{"op": r.Op, "path": r.Path, "recursive": r.Recursive, "max": float64(r.Max), "user": r.User}
		for field, value := range read {
			if reflect.ValueOf(value).IsZero() {
				delete(read, field)
			}
		}
		if !reflect.DeepEqual(read, vector.Request) {
			t.Errorf("%s was read as %v", vector.Line, read)
		}
	}
	for _, vector := range v.WatchEvents {
		e := readEvent(t, []byte(vector.Line))
		if e.Path != nil {
			e = e.at(*e.Path)
		}
		if e.From != nil {
			e = e.from(*e.From)
		}
		if again, _ := json.Marshal(e); string(again) != vector.Line {
			t.Errorf("%s is written as %s", vector.Line, again)
		}
	}
}

func TestBadFramesAreRefused(t *testing.T) {
	for _, vector := range readVectors(t).Bad {
		f, err := decode(unhex(t, vector.Hex))
		if err == nil && f.kind == typeWelcome {
			_, err = readWelcome(f)
		} else if err == nil {
			err = wellFormed(f)
		}
		if why, ok := err.(*failure); !ok || why.Reason != badFrame {
			t.Errorf("%s: %v", vector.What, err)
		}
	}
}

func TestUnknownTypesAreSkipped(t *testing.T) {
	for _, vector := range readVectors(t).Skipped {
		f, err := decode(unhex(t, vector.Hex))
		if err == nil {
			err = (&session{streams: map[uint32]stream{}}).take(f)
		}
		if err != nil {
			t.Errorf("%s: %v", vector.What, err)
		}
	}
}

func TestWhatIsWrittenIsReadTheSame(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &link{conn: write}
	go func() {
		l.sendOnChannel(typeData, 7, chError, 1<<40, bytes.Repeat([]byte{9}, dataMax))
		l.send(typePong, 0, nil)
	}()
	buffer := make([]byte, headerBytes+payloadMax)
	f, err := readFrame(read, buffer)
	if err != nil {
		t.Fatal(err)
	}
	channel, offset, raw, err := f.onChannel()
	if err != nil || f.stream != 7 || channel != chError || offset != 1<<40 || len(raw) != dataMax || raw[dataMax-1] != 9 {
		t.Fatal(f.stream, channel, offset, len(raw), err)
	}
	if f, err = readFrame(read, buffer); err != nil || f.kind != typePong || len(f.payload) != 0 {
		t.Fatal(f, err)
	}
}

// packets is a link of which every write can be told from the next.
func packets(t *testing.T) (l *link, next func() []byte) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "ours"), os.NewFile(uintptr(ends[1]), "theirs")
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return &link{conn: ours}, func() []byte {
		packet := make([]byte, 2*payloadMax)
		n, err := theirs.Read(packet)
		if err != nil {
			t.Fatal(err)
		}
		return packet[:n]
	}
}

func kindsIn(packet []byte) (kinds []byte) {
	buffer := make([]byte, headerBytes+payloadMax)
	for from := bytes.NewReader(packet); from.Len() > 0; {
		f, err := readFrame(from, buffer)
		if err != nil {
			return append(kinds, 0)
		}
		kinds = append(kinds, f.kind)
	}
	return kinds
}

func TestTheWholeStoryOfAShortCommandIsOneWrite(t *testing.T) {
	l, next := packets(t)
	l.sendJSON(typeStarted, 1, started{})
	l.sendOnChannel(typeEOF, 1, chOutput, 0, nil)
	l.sendOnChannel(typeEOF, 1, chError, 0, nil)
	l.sendJSON(typeExit, 1, exit{})
	if kinds := kindsIn(next()); !bytes.Equal(kinds, []byte{typeStarted, typeEOF, typeEOF, typeExit}) {
		t.Fatal(kinds)
	}
}

func TestWhatLingersGoesByItselfWhereNothingFollows(t *testing.T) {
	l, next := packets(t)
	for range 2 {
		l.sendJSON(typeStarted, 1, started{})
		if kinds := kindsIn(next()); !bytes.Equal(kinds, []byte{typeStarted}) {
			t.Fatal(kinds)
		}
	}
}

func TestWhatLingersIsBeforeWhatDoesNotFitBesideIt(t *testing.T) {
	l, next := packets(t)
	l.sendJSON(typeStarted, 1, started{})
	go l.sendOnChannel(typeData, 1, chOutput, 0, make([]byte, dataMax))
	if kinds := append(kindsIn(next()), kindsIn(next())...); !bytes.Equal(kinds, []byte{typeStarted, typeData}) {
		t.Fatal(kinds)
	}
}

// FuzzFrames feeds a session with whatever arrives. It may end with a failure, and with nothing else.
func FuzzFrames(f *testing.F) {
	v := readVectors(f)
	for _, vector := range v.Good {
		f.Add(unhex(f, vector.Hex))
	}
	for _, vector := range v.Bad {
		f.Add(unhex(f, vector.Hex))
	}
	null, err := os.OpenFile("/dev/null", os.O_WRONLY, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &session{daemon: &daemon{commands: newCommands()}, link: &link{conn: null}, streams: map[uint32]stream{
			1: nothing{}, 11: &portStream{inbox: newInbox(stdinWindow), outlet: newOutlet(chOutput)},
		}}
		from, buffer := bytes.NewReader(raw), make([]byte, headerBytes+payloadMax)
		for {
			received, err := readFrame(from, buffer)
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return
			}
			// Requests are another target: some would end this very process.
			if err == nil && received.kind != typeOpen {
				err = s.take(received)
			}
			if why, ok := err.(*failure); err != nil && (!ok || (why.Reason != badFrame && why.Reason != tooLarge)) {
				t.Fatalf("%v", err)
			}
			if err != nil {
				return
			}
		}
	})
}

// FuzzRequests reads whatever claims to be a request, and what would be made of it.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		`{"op":"run","id":"a","argv":["sh","-c","x"],"env":{"A":"b"},"pty":{"rows":1,"columns":2},"stdout":{"file":"/x"},"stderr":"log"}`,
		`{"op":"attach","id":"a","output":1,"error":0}`, `{"op":"halt","left":"end","agentUid":0}`, `{"op":"end","id":"a","scope":"family","graceMs":1}`,
		`{"op":"watch","path":"/x","recursive":true,"max":-1,"user":"a"}`, `{"op":"write","path":"/x","mode":420,"owner":-1}`, `{"op":"check","user":"a:b"}`, `{}`, `[]`, `{"op":"connect","port":65535,"user":"agent"}`, `{"op":"connect","port":-1}`, `{"op":1}`, `{"op":"x"} {}`, `{"stdout":7}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var r request
		if err := strict(text, &r); err != nil {
			if _, ok := err.(*failure); !ok {
				t.Fatal(err)
			}
			return
		}
		if b, err := r.becoming(identity{}); err == nil && len(b.Argv) == 0 {
			t.Fatal("a command of nothing")
		}
		if isName(r.ID) && bytes.ContainsAny([]byte(r.ID), "/ \x00") {
			t.Fatal(r.ID)
		}
		resolveUser(r.User, t.TempDir())
	})
}

// FuzzWelcome reads whatever claims to be the courier's greeting.
func FuzzWelcome(f *testing.F) {
	f.Add([]byte(`{"major":1,"minor":0,"nonce":"` + newNonce() + `","secret":"` + newNonce() + `","courierUid":65000}`))
	f.Add([]byte(`{"major":2}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		w, err := readWelcome(frame{kind: typeWelcome, payload: payload})
		if _, ok := err.(*failure); err != nil && !ok {
			t.Fatal(err)
		}
		if err == nil && (w.Major != protocolMajor || len(w.Nonce) != 64) {
			t.Fatal(w)
		}
	})
}

func TestFrameOffsetsAreLittleEndian(t *testing.T) {
	var raw [dataHead]byte
	raw[0] = chOutput
	binary.LittleEndian.PutUint64(raw[1:], 258)
	if _, offset, _, err := (frame{kind: typeCredit, payload: raw[:]}).onChannel(); err != nil || offset != 258 || raw[1] != 2 {
		t.Fatal(offset, err)
	}
}
