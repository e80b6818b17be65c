package cloudflare

import (
	"strconv"
	"strings"

	"skep/lab/plugin/bridge"
)

// dataFields are the parts of all record types that have parts.
func dataFields() bridge.Fields {
	fs := bridge.Fields{}
	for t, names := range map[bridge.Type]string{
		bridge.Int: "algorithm digestType keyTag latDegrees latMinutes longDegrees longMinutes matchingType order port " +
			"preference priority protocol selector type usage weight",
		bridge.Float: "altitude latSeconds longSeconds precisionHorz precisionVert size",
		bridge.String: "certificate content digest fingerprint flags latDirection longDirection name proto publicKey regex " +
			"replacement service tag target value",
	} {
		for _, name := range strings.Fields(names) {
			fs[name] = &bridge.Field{Type: t, Optional: true}
		}
	}
	return fs
}

// parts is the order of a type's parts in the presentation format, and which
// of them are quoted. The priority of SRV and URI stands beside the content.
var parts = map[string]string{
	"CAA":    `flags tag "value"`,
	"CERT":   `type keyTag algorithm certificate`,
	"DNSKEY": `flags protocol algorithm publicKey`,
	"DS":     `keyTag algorithm digestType digest`,
	"HTTPS":  `priority target value`,
	"LOC": `latDegrees latMinutes latSeconds latDirection longDegrees longMinutes longSeconds longDirection ` +
		`altitude size precisionHorz precisionVert`,
	"NAPTR":  `order preference "flags" "service" "regex" replacement`,
	"SMIMEA": `usage selector matchingType certificate`,
	"SRV":    `weight port target`,
	"SSHFP":  `algorithm type fingerprint`,
	"SVCB":   `priority target value`,
	"TLSA":   `usage selector matchingType certificate`,
	"URI":    `weight "content"`,
}

// presentation is the content of a record that was given in parts.
func presentation(recordType string, data bridge.Values) string {
	var out []string
	for name := range strings.FieldsSeq(parts[recordType]) {
		bare := strings.Trim(name, `"`)
		var text string
		switch v := data[bare].(type) {
		case float64:
			text = strconv.FormatFloat(v, 'f', -1, 64)
		case string:
			text = v
		default:
			if dataFields()[bare].Type != bridge.String {
				text = "0"
			}
		}
		if bare != name {
			text = `"` + text + `"`
		}
		out = append(out, text)
	}
	return strings.TrimSpace(strings.Join(out, " "))
}
