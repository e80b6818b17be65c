//lint:file-ignore ST1005 errors are in the words of the official provider and of the API

package random

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	mathrand "math/rand"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"skep/lab/plugin/bridge"
)

func randomUUID() *bridge.Resource {
	return &bridge.Resource{
		Token:  "random:index/randomUuid:RandomUuid",
		Fields: bridge.Fields{"result": made(bridge.String)},
		Create: func(context.Context, bridge.Values) (string, bridge.Values, error) {
			id := uuid.NewString()
			return id, bridge.Values{"id": id, "result": id}, nil
		},
		Import: func(_ context.Context, id string) (string, bridge.Values, error) {
			if err := uuid.Validate(id); err != nil {
				return "", nil, fmt.Errorf("import %q: %w", id, err)
			}
			return id, bridge.Values{"id": id, "result": id}, nil
		},
	}
}

func randomInteger() *bridge.Resource {
	return &bridge.Resource{
		Token: "random:index/randomInteger:RandomInteger",
		Fields: bridge.Fields{
			"min":    required(bridge.Int, "The minimum inclusive value of the range."),
			"max":    required(bridge.Int, "The maximum inclusive value of the range."),
			"seed":   optional(bridge.String, nil),
			"result": made(bridge.Int),
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			low, high := in.Int("min"), in.Int("max")
			if high < low {
				return "", nil, errors.New("Create Random Integer Error: The minimum (min) value needs to be smaller than or equal to maximum (max) value.")
			}
			n := low + below(high-low+1)
			if seed := in.String("seed"); seed != "" {
				n = low + seeded(seed).Intn(high-low+1)
			}
			id := strconv.Itoa(n)
			return id, bridge.Values{"id": id, "result": n}, nil
		},
		Import: importInteger,
	}
}

// seeded gives the same numbers as upstream for the same seed.
func seeded(seed string) *mathrand.Rand {
	sum := crc64.Checksum([]byte(seed), crc64.MakeTable(crc64.ISO))
	return mathrand.New(mathrand.NewSource(int64(sum)))
}

func importInteger(_ context.Context, id string) (string, bridge.Values, error) {
	parts := strings.Split(id, ",")
	if len(parts) != 3 && len(parts) != 4 {
		return "", nil, fmt.Errorf("import %q: expecting {result},{min},{max} or {result},{min},{max},{seed}", id)
	}
	state := bridge.Values{"id": parts[0]}
	for i, name := range []string{"result", "min", "max"} {
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return "", nil, fmt.Errorf("import %q: %s is no integer: %w", id, name, err)
		}
		state[name] = n
	}
	if len(parts) == 4 {
		state["seed"] = parts[3]
	}
	return parts[0], state, nil
}

// The words of pet names. Upstream has more of them; nothing can depend on
// which one comes.
var (
	adverbs = strings.Fields("awfully barely briefly daily deeply duly early fairly firmly freely gladly greatly highly " +
		"hugely jointly kindly largely lightly loudly mildly mostly nearly neatly newly nicely openly partly plainly " +
		"purely quietly rarely really safely simply slowly smoothly softly solely steadily surely truly vastly warmly wholly")
	adjectives = strings.Fields("able active amazed ample apt big bold brave bright busy calm careful cheerful clear clever " +
		"cool cosmic cuddly daring deep divine eager easy fair famous fast fine fit flying free fresh full gentle glad " +
		"good grand happy helpful holy honest humble keen key kind known large light loved loyal lucky merry mint neat new")
	animals = strings.Fields("ant ape asp bat bear bee bird bison boar buck bug cat cobra cod colt cow crab crane cub deer " +
		"dog dove drake duck eagle eel elf emu ewe falcon fawn fish fly foal fox frog gnu goat grub hare hawk hen heron " +
		"hog horse ibex jay kid kite koala lamb lark lion lynx mako mole moose moth mouse mule newt owl ox pug quail ram")
)

func randomPet() *bridge.Resource {
	return &bridge.Resource{
		Token: "random:index/randomPet:RandomPet",
		Fields: bridge.Fields{
			"length": optional(bridge.Int, 2), "separator": optional(bridge.String, "-"),
			"prefix": optional(bridge.String, nil),
		},
		Create: func(_ context.Context, in bridge.Values) (string, bridge.Values, error) {
			words := petWords(in.Int("length"))
			if prefix := in.String("prefix"); prefix != "" {
				words = append([]string{prefix}, words...)
			}
			id := strings.Join(words, in.String("separator"))
			return id, bridge.Values{"id": id}, nil
		},
		Import: func(context.Context, string) (string, bridge.Values, error) {
			return "", nil, errors.New("resource random_pet does not support import")
		},
	}
}

// petWords is adverbs, an adjective and an animal; one word is an animal alone.
func petWords(n int) []string {
	var words []string
	for i := n; i > 2; i-- {
		words = append(words, adverbs[below(len(adverbs))])
	}
	if n != 1 {
		words = append(words, adjectives[below(len(adjectives))])
	}
	return append(words, animals[below(len(animals))])
}
