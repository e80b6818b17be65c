package dns

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-cloudflare/sdk/v5/go/cloudflare"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Protection is what a zone has beside addresses. None of it is made unless it
// is asked for: all of it speaks for names that others may use too.
type Protection struct {
	// Issuers are the authorities that may sign for the domain and all names
	// below it (CAA); empty for all.
	Issuers []string
	// NoMail says that the domain neither sends nor takes mail.
	NoMail bool
	// DNSSEC signs the zone.
	DNSSEC bool
	// Settings are those of the zone's proxies, set to what is safe.
	Settings bool
}

// UniversalIssuers are those from which Cloudflare takes the certificates that
// its proxies show, and their spare ones. It adds them itself to a zone that
// has a CAA record, where its Universal SSL is on; here they stand for all to
// see.
var UniversalIssuers = []string{"letsencrypt.org", "pki.goog", "sectigo.com", "ssl.com"}

// records are those of the protection of a domain.
func (p Protection) records(domain string) []record {
	var records []record
	for _, issuer := range slices.Compact(slices.Sorted(slices.Values(p.Issuers))) {
		// One that others have made for the same issuer says the same.
		records = append(records, record{
			child: "caa-" + issuer, suffix: domain, kind: "CAA", name: domain,
			data: &cloudflare.RecordDataArgs{Flags: pulumi.String("0"), Tag: pulumi.String("issue"), Value: pulumi.String(issuer)},
		})
	}
	if !p.NoMail {
		return records
	}
	text := func(child, name, content, begin string) record {
		// Quoted as Cloudflare wants the text of TXT records to be.
		return record{
			child: child, suffix: domain, kind: "TXT", name: name, content: pulumi.String(`"` + content + `"`),
			alone: []string{"TXT", "CNAME"}, text: begin,
		}
	}
	spf := text("spf", domain, "v=spf1 -all", "v=spf1")
	spf.alone = []string{"TXT"} // an apex may have a CNAME, which Cloudflare flattens
	none := 0
	return append(records,
		// RFC 7505: a domain that takes no mail. With an MX of others it does.
		record{child: "mx", suffix: domain, kind: "MX", name: domain, content: pulumi.String("."), priority: &none, alone: []string{"MX"}},
		spf, // RFC 7208
		text("dkim", "*._domainkey."+domain, "v=DKIM1; p=", ""),                               // RFC 6376: all keys are revoked
		text("dmarc", "_dmarc."+domain, "v=DMARC1; p=reject; sp=reject; adkim=s; aspf=s", ""), // RFC 7489
	)
}

// protect makes what is not a record.
func (p Protection) protect(ctx *pulumi.Context, name string, zone *Zone, d *DNS) error {
	var faults []error
	if p.DNSSEC {
		// Its removal would stop the signing at once, while the parent's DS
		// record goes on to demand it: nobody could resolve the zone. So that is
		// left to the operator, after the DS record has gone.
		signed, err := cloudflare.NewZoneDnssec(ctx, name+"-dnssec", &cloudflare.ZoneDnssecArgs{ZoneId: pulumi.String(zone.ID)},
			pulumi.Parent(d), pulumi.RetainOnDelete(true))
		if err == nil {
			d.DS = signed.Ds
		}
		faults = append(faults, err)
	}
	if p.Settings {
		_, err := cloudflare.NewZoneSettingsOverride(ctx, name+"-settings", &cloudflare.ZoneSettingsOverrideArgs{
			ZoneId: pulumi.String(zone.ID), Settings: settings(),
		}, pulumi.Parent(d))
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// settings are those that every plan may set. HTTP/2 is not among them: it is
// on, and read-only on free plans.
func settings() cloudflare.ZoneSettingsOverrideSettingsPtrInput {
	on, off := pulumi.String("on"), pulumi.String("off")
	return &cloudflare.ZoneSettingsOverrideSettingsArgs{
		// The proxies talk TLS to origins, and check their certificates.
		Ssl: pulumi.String("strict"),
		// Visitors talk TLS, of a version that is sound.
		AlwaysUseHttps: on, MinTlsVersion: pulumi.String("1.2"), Tls13: on,
		// A request of 0-RTT can be sent again by whoever saw it.
		ZeroRtt: off,
		// Pages that name http:// addresses of the zone work all the same.
		AutomaticHttpsRewrites: on,
		Websockets:             on,
	}
}

// CheckIssuer says what is wrong with the name of an authority.
func CheckIssuer(name string) error {
	if name == "" || strings.ToLower(name) != name || strings.ContainsAny(name, " \t\";\\") || !strings.Contains(name, ".") {
		return fmt.Errorf("%q: need the name by which the authority is told in CAA records, such as letsencrypt.org", name)
	}
	return nil
}
